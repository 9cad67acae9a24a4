//! A call and its answer on standard output: all that most commands are.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Api, ListArguments, escape};
use crate::error::Error;
use crate::exit::Exit;
use crate::{render, show};

/// Most pages of a list that are followed: 100,000 things.
const MAX_PAGES: usize = 1000;

impl Api {
    /// Reads one thing and shows it, the members in `first` before the others.
    pub(crate) async fn show(&self, path: &str, first: &[&str]) -> Result<Exit, Error> {
        self.print(&self.read(path).await?, first)?;
        Ok(Exit::Done)
    }

    /// Changes something and shows the answer.
    pub(crate) async fn act(&self, method: &str, path: &str, body: &Value, first: &[&str]) -> Result<Exit, Error> {
        let answer = self.change(method, path, body).await?;
        self.print(&answer, first)?;
        if !self.json() && answer["ticket"].is_string() {
            eprintln!(
                "Hand the ticket to the person by a way that only the person reads: it is kept nowhere, and is good once."
            );
        }
        Ok(Exit::Done)
    }

    /// Shows a list: a table, or one object a line.
    pub(crate) async fn list(
        &self,
        path: &str,
        arguments: &ListArguments,
        filters: &[(&str, Option<&str>)],
        first: &[&str],
    ) -> Result<Exit, Error> {
        let limit = arguments.limit.or(arguments.all.then_some(100)).map(|limit| limit.to_string());
        let mut query = String::new();
        for (name, value) in [&[("limit", limit.as_deref())], filters].concat() {
            if let Some(value) = value {
                let _ = write!(query, "&{name}={}", escape(value));
            }
        }
        let (mut items, mut cursor) = (Vec::new(), arguments.cursor.clone());
        for _ in 0..MAX_PAGES {
            let from = cursor.iter().map(|cursor| format!("&cursor={}", escape(cursor)));
            let parts = query.clone() + &from.collect::<String>();
            let mark = if parts.is_empty() { "" } else { "?" };
            let mut page = self.read(&format!("{path}{mark}{}", parts.trim_start_matches('&'))).await?;
            let Value::Array(found) = page["items"].take() else {
                return Err(Error::Answer("the API", "no list: check --api-url".to_owned()));
            };
            items.extend(found);
            cursor = page["next_cursor"].as_str().map(show::plain);
            if cursor.is_none() || !arguments.all {
                break;
            }
        }
        if self.json() {
            items.iter().try_for_each(show::json)?;
        } else {
            render::list(&items, first)?;
        }
        if let Some(cursor) = cursor {
            eprintln!("There are more: --all shows them all, --cursor {cursor} the next.");
        }
        Ok(Exit::Done)
    }

    /// Prints an answer as the caller wants it.
    pub(crate) fn print(&self, answer: &Value, first: &[&str]) -> Result<(), Error> {
        if self.json() { show::json(answer) } else { render::object(answer, first) }
    }
}
