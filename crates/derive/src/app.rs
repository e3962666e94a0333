//! `app!`: the one list of what an app is made of.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Error, Ident, LitStr, Path, Result, Token, braced, bracketed};

use crate::item::name;

/// `FoodBank as "food-bank" { … }`.
struct List {
    state: Path,
    name: LitStr,
    commands: Vec<Path>,
    events: Vec<Path>,
    queries: Vec<Path>,
    invariants: Vec<Path>,
}

const SECTIONS: [&str; 4] = ["commands", "events", "queries", "invariants"];

pub(crate) fn expand(list: TokenStream) -> Result<TokenStream> {
    let List { state, name: app_name, commands, events, queries, invariants } = syn::parse2(list)?;
    refuse_doubles("commands", &commands)?;
    refuse_doubles("events", &events)?;
    refuse_doubles("queries", &queries)?;
    refuse_doubles("invariants", &invariants)?;
    let entries = |kind: &str, paths: &[Path]| -> Vec<TokenStream> {
        let kind = Ident::new(kind, proc_macro2::Span::call_site());
        // Spanned as the entry, so that what it lacks is said where it is listed.
        let entry = |path: &Path| quote_spanned!(path.span()=> ::deeds::__private::app::#kind::<#state>::of::<#path>());
        paths.iter().map(entry).collect()
    };
    let command_types = entries("CommandType", &commands);
    let event_types = entries("EventType", &events);
    let query_types = entries("QueryType", &queries);
    let invariant_checks = invariants.iter().map(|path| {
        let name = last_name(path);
        quote!(::deeds::__private::app::Invariant { name: #name, check: #path })
    });
    let (command_places, event_places) = (0..commands.len(), 0..events.len());
    Ok(quote! {
        impl ::deeds::__private::app::App for #state {
            const NAME: &'static str = #app_name;
            const COMMANDS: &'static [::deeds::__private::app::CommandType<Self>] = &[#(#command_types),*];
            const EVENTS: &'static [::deeds::__private::app::EventType<Self>] = &[#(#event_types),*];
            const QUERIES: &'static [::deeds::__private::app::QueryType<Self>] = &[#(#query_types),*];
            const INVARIANTS: &'static [::deeds::__private::app::Invariant<Self>] = &[#(#invariant_checks),*];
        }
        #(
            impl ::deeds::__private::command::Listed<#state> for #commands {
                const INDEX: usize = #command_places;
            }
        )*
        #(
            impl ::deeds::__private::event::Listed<#state> for #events {
                const INDEX: usize = #event_places;
            }
        )*
    })
}

impl Parse for List {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let state: Path = input.parse()?;
        let state_words = quote!(#state).to_string();
        if !input.peek(Token![as]) {
            let words = format!(
                "say what the app is called in the chronicle: `{state_words} as \"its-name\" {{ ... }}`"
            );
            return Err(Error::new(state.span(), words));
        }
        input.parse::<Token![as]>()?;
        let name: LitStr = input.parse()?;
        check_name(&name)?;
        let content;
        braced!(content in input);
        let mut list = Self {
            state,
            name,
            commands: Vec::new(),
            events: Vec::new(),
            queries: Vec::new(),
            invariants: Vec::new(),
        };
        let mut seen: Vec<Ident> = Vec::new();
        while !content.is_empty() {
            let section: Ident = content.parse()?;
            content.parse::<Token![:]>()?;
            let entries;
            bracketed!(entries in content);
            let paths = Punctuated::<Path, Token![,]>::parse_terminated(&entries)?;
            if seen.contains(&section) {
                return Err(Error::new(section.span(), format!("`{section}` is there twice")));
            }
            *list.section(&section)? = paths.into_iter().collect();
            seen.push(section);
            if !content.is_empty() {
                content.parse::<Token![,]>()?;
            }
        }
        if !input.is_empty() {
            return Err(input.error("nothing follows the list"));
        }
        Ok(list)
    }
}

impl List {
    fn section(&mut self, section: &Ident) -> Result<&mut Vec<Path>> {
        match section.to_string().as_str() {
            "commands" => Ok(&mut self.commands),
            "events" => Ok(&mut self.events),
            "queries" => Ok(&mut self.queries),
            "invariants" => Ok(&mut self.invariants),
            "rows" | "tables" => Err(Error::new(
                section.span(),
                "rows are not listed here: the tables of the `#[state]` say which there are",
            )),
            _ => Err(Error::new(
                section.span(),
                format!(
                    "an app lists {}",
                    SECTIONS.map(|section| format!("`{section}`")).join(", ")
                ),
            )),
        }
    }
}

fn check_name(name: &LitStr) -> Result<()> {
    let text = name.value();
    let letters = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let begins = text.starts_with(|first: char| first.is_ascii_lowercase());
    if letters && begins && !text.ends_with('-') {
        return Ok(());
    }
    let words = "an app's name is lower-case letters, digits and `-`, like \"food-bank\"";
    Err(Error::new(name.span(), words))
}

fn last_name(path: &Path) -> String {
    name(&path.segments.last().expect("a path has a segment").ident)
}

/// Names are how commands are sent and records are read: each stands for one entry.
fn refuse_doubles(section: &str, paths: &[Path]) -> Result<()> {
    for (at, path) in paths.iter().enumerate() {
        let name = last_name(path);
        if paths[..at].iter().any(|earlier| last_name(earlier) == name) {
            let words = format!(
                "`{name}` is among the {section} twice; the type's own name is the name under \
                 which it is stored and sent, whatever module it is in"
            );
            return Err(Error::new(path.span(), words));
        }
    }
    Ok(())
}
