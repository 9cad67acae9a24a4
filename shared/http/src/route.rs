//! The table of routes.

use engine_core::access::Permission;
use percent_encoding::percent_decode_str;

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone, without a credential.
    Anyone,
    /// The holder of an API key with this permission.
    ApiKey(Permission),
    /// The holder of an API key with this permission, or a person or service account with it, by token.
    ApiKeyOrToken(Permission),
    /// A person or service account with this permission, by token.
    Token(Permission),
    /// The same, with a current code of the person's second factor.
    SteppedUp(Permission),
    /// Who holds a secret made for this route, which the handler judges: a key to claim with, a one-time code, a client secret.
    Possession,
}

/// One route.
#[derive(Clone, Copy, Debug)]
pub struct Route<H: 'static> {
    /// The method, in capitals.
    pub method: &'static str,
    /// The path's pattern; a segment `{name}` takes any one segment that is not empty.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    /// What it does.
    pub handler: H,
}

/// All routes of a function.
#[derive(Clone, Copy, Debug)]
pub struct Routes<H: 'static>(pub &'static [Route<H>]);

/// A route that takes the request.
#[derive(Debug)]
pub struct Found<H: 'static> {
    /// The route.
    pub route: &'static Route<H>,
    /// The pattern's names and what stood in their place, percent-decoded.
    pub parameters: Vec<(&'static str, String)>,
}

impl<H> Found<H> {
    /// What stood in the place of `name`.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(held, _)| *held == name).map(|(_, value)| value.as_str())
    }
}

/// No route takes the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// No route has this path.
    NotFound,
    /// Routes have this path, with other methods.
    MethodNotAllowed {
        /// Those methods, as the `Allow` header names them.
        allow: String,
    },
}

impl<H> Routes<H> {
    /// The route for a method and a path as sent. Literal segments win over parameters, from the left.
    pub fn find(&self, method: &str, path: &str) -> Result<Found<H>, Missing> {
        let matches: Vec<_> = self.0.iter().filter_map(|route| Some((route, parameters(route.path, path)?))).collect();
        // `false` sorts first: the most literal pattern from the left names the resource, whatever its method.
        let Some(best) = matches.iter().map(|(route, _)| shape(route.path)).min() else {
            return Err(Missing::NotFound);
        };
        let mut methods: Vec<&str> = Vec::new();
        for (route, parameters) in matches {
            if shape(route.path) != best {
                continue;
            }
            if route.method == method {
                return Ok(Found { route, parameters });
            }
            methods.push(route.method);
        }
        methods.sort_unstable();
        methods.dedup();
        Err(Missing::MethodNotAllowed { allow: methods.join(", ") })
    }
}

/// For each segment of a pattern, whether it is a parameter.
fn shape(pattern: &str) -> Vec<bool> {
    pattern.split('/').map(|segment| parameter_name(segment).is_some()).collect()
}

fn parameter_name(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

/// The parameters of `path` under `pattern`; `None` where it does not match.
fn parameters(pattern: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    let mut found = Vec::new();
    let mut segments = path.split('/');
    for expected in pattern.split('/') {
        let segment = segments.next()?;
        match parameter_name(expected) {
            Some(name) => found.push((name, decode(segment)?)),
            None if expected == segment => {}
            None => return None,
        }
    }
    segments.next().is_none().then_some(found)
}

/// A segment percent-decoded; `None` where it is empty, ill-formed or not UTF-8.
fn decode(segment: &str) -> Option<String> {
    let well_formed = segment
        .split('%')
        .skip(1)
        .all(|rest| rest.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)));
    if segment.is_empty() || !well_formed {
        return None;
    }
    percent_decode_str(segment).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}
