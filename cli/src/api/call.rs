//! A call and its answer on standard output: all that most commands are.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Api, ListArguments, escape};
use crate::error::Error;
use crate::exit::Exit;
use crate::{render, show};

/// Most pages of a list that are followed: 100,000 things.
const MAX_PAGES: usize = 1000;
/// The member of a page that holds its list.
const ITEMS: &str = "items";

/// What was read of a list.
struct Listed {
    /// The last page without them.
    around: Value,
    items: Vec<Value>,
    /// Where it goes on.
    cursor: Option<String>,
}

fn say_more(cursor: Option<String>) {
    if let Some(cursor) = cursor {
        eprintln!("There are more: --all shows them all, --cursor {cursor} the next.");
    }
}

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
        let Listed { items, cursor, .. } = self.items(path, arguments, filters, ITEMS).await?;
        if self.json() {
            items.iter().try_for_each(show::json)?;
        } else {
            render::list(&items, first)?;
        }
        say_more(cursor);
        Ok(Exit::Done)
    }

    /// Shows one thing with the list in its member `list`, of which the API answers a page at a time.
    pub(crate) async fn show_with_list(
        &self,
        path: &str,
        arguments: &ListArguments,
        list: &str,
        first: &[&str],
    ) -> Result<Exit, Error> {
        let Listed { mut around, items, cursor } = self.items(path, arguments, &[], list).await?;
        if let Some(members) = around.as_object_mut() {
            members.remove("next_cursor");
            members.insert(list.to_owned(), Value::Array(items));
        }
        self.print(&around, first)?;
        say_more(cursor);
        Ok(Exit::Done)
    }

    /// Everything that a list holds.
    pub(crate) async fn all(&self, path: &str, filters: &[(&str, Option<&str>)]) -> Result<Vec<Value>, Error> {
        let all = ListArguments { all: true, ..ListArguments::default() };
        let Listed { items, cursor, .. } = self.items(path, &all, filters, ITEMS).await?;
        if cursor.is_some() {
            eprintln!("There are more than these {}: narrow the list.", items.len());
        }
        Ok(items)
    }

    /// Items of the list in the member `list`; a page or all of them.
    async fn items(
        &self,
        path: &str,
        arguments: &ListArguments,
        filters: &[(&str, Option<&str>)],
        list: &str,
    ) -> Result<Listed, Error> {
        let limit = arguments.limit.or(arguments.all.then_some(100)).map(|limit| limit.to_string());
        let mut query = String::new();
        for (name, value) in [&[("limit", limit.as_deref())], filters].concat() {
            if let Some(value) = value {
                let _ = write!(query, "&{name}={}", escape(value));
            }
        }
        let (mut around, mut items, mut cursor) = (Value::Null, Vec::new(), arguments.cursor.clone());
        for _ in 0..MAX_PAGES {
            let from = cursor.iter().map(|cursor| format!("&cursor={}", escape(cursor)));
            let parts = query.clone() + &from.collect::<String>();
            let mark = if parts.is_empty() { "" } else { "?" };
            let mut page = self.read(&format!("{path}{mark}{}", parts.trim_start_matches('&'))).await?;
            let Value::Array(found) = page[list].take() else {
                return Err(Error::Answer("the API", "no list: check --api-url".to_owned()));
            };
            items.extend(found);
            cursor = page["next_cursor"].as_str().map(show::plain);
            around = page;
            if cursor.is_none() || !arguments.all {
                break;
            }
        }
        Ok(Listed { around, items, cursor })
    }

    /// Prints an answer as the caller wants it.
    pub(crate) fn print(&self, answer: &Value, first: &[&str]) -> Result<(), Error> {
        if self.json() { show::json(answer) } else { render::object(answer, first) }
    }
}
