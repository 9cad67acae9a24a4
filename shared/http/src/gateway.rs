//! API Gateway's events as a function takes them that is invoked by others too.

use lambda_http::aws_lambda_events::apigw::ApiGatewayProxyResponse;
use lambda_http::request::LambdaRequest;
use lambda_http::{Body, Request, Response};
use serde_json::Value;

/// The request in an event of API Gateway. The error is not to be shown: it may quote the event, which may hold secrets.
pub fn request(event: Value) -> Result<Request, serde_json::Error> {
    let request: LambdaRequest = serde_json::from_value(event)?;
    Ok(request.into())
}

/// A response as API Gateway takes it from a REST proxy integration.
pub fn response(response: Response<Body>) -> Result<Value, serde_json::Error> {
    let (parts, body) = response.into_parts();
    let mut answer = ApiGatewayProxyResponse::default();
    answer.status_code = parts.status.as_u16().into();
    // In one of the two forms only: API Gateway would send both.
    answer.multi_value_headers = parts.headers;
    answer.is_base64_encoded = matches!(body, Body::Binary(_));
    answer.body = Some(body);
    serde_json::to_value(answer)
}
