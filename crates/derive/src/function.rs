//! The short form of a command, an event or a query: one function, which is taken for the struct and
//! for what follows from it.
//!
//! ```text
//! #[command(by = anyone)]
//! fn add_task(todo: &mut Deciding<'_, Todo>, title: String) -> Result<TaskId, TaskRefusal> { … }
//! ```
//!
//! is `#[command] struct AddTask { title: String }` with its `impl Decide<Todo>`: the name in capitals
//! is the type's, the first parameter is the state, the others are the fields, and `by` authorizes.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{
    Attribute, Block, Error, Expr, FnArg, GenericArgument, Ident, ItemFn, MetaNameValue, Pat,
    PatType, PathArguments, PathSegment, Result, ReturnType, Token, Type, Visibility,
};

use crate::item::name;
use crate::query::expand as expand_query;
use crate::recorded::{self, Kind};

/// Whether the item is a function.
pub(crate) fn is_one(item: &TokenStream) -> bool {
    item.clone().into_iter().any(|token| matches!(token, TokenTree::Ident(word) if word == "fn"))
}

/// The function, taken apart.
struct Short {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    ident: Ident,
    /// The first parameter: the state, and what the author calls it.
    state: PatType,
    /// The second, where it is the circumstances of an event.
    meta: Option<PatType>,
    fields: Vec<Parameter>,
    output: ReturnType,
    body: Block,
}

/// A parameter that is a field.
struct Parameter {
    attributes: Vec<Attribute>,
    is_mutable: bool,
    ident: Ident,
    ty: Type,
}

impl Parameter {
    fn of(typed: PatType) -> Result<Self> {
        match *typed.pat {
            Pat::Ident(name) if name.subpat.is_none() && name.by_ref.is_none() => Ok(Self {
                attributes: typed.attrs,
                is_mutable: name.mutability.is_some(),
                ident: name.ident,
                ty: *typed.ty,
            }),
            other => Err(Error::new(other.span(), "a field is a plain name and its type")),
        }
    }
}

impl Short {
    fn parse(item: TokenStream, what: &str) -> Result<Self> {
        let ItemFn { attrs, vis, sig, block, .. } = syn::parse2(item)?;
        let first = sig.ident.span();
        let typed = |parameter| match parameter {
            FnArg::Typed(typed) => Some(typed),
            FnArg::Receiver(_) => None,
        };
        let parameters: Option<Vec<PatType>> = sig.inputs.into_iter().map(typed).collect();
        let Some(mut parameters) = parameters.filter(|parameters| !parameters.is_empty()) else {
            let words =
                format!("{what} is a function by itself, and its first parameter the state");
            return Err(Error::new(first, words));
        };
        let state = parameters.remove(0);
        let is_meta = |typed: &PatType| last_of(&typed.ty).is_some_and(|last| last.ident == "Meta");
        let meta = parameters.first().is_some_and(is_meta).then(|| parameters.remove(0));
        Ok(Self {
            attributes: attrs,
            visibility: vis,
            ident: Ident::new(&capitals(&name(&sig.ident)), first),
            state,
            meta,
            fields: parameters.into_iter().map(Parameter::of).collect::<Result<_>>()?,
            output: sig.output,
            body: *block,
        })
    }

    /// The struct that is sent or recorded.
    fn declared(&self) -> TokenStream {
        let Self { attributes, visibility, ident, fields, .. } = self;
        if fields.is_empty() {
            return quote!(#(#attributes)* #visibility struct #ident;);
        }
        let fields = fields.iter().map(|Parameter { attributes, ident, ty, .. }| {
            quote!(#(#attributes)* #visibility #ident: #ty)
        });
        quote!(#(#attributes)* #visibility struct #ident { #(#fields),* })
    }

    /// The fields, as variables of the body.
    fn taken(&self, from: TokenStream) -> TokenStream {
        if self.fields.is_empty() {
            return quote!();
        }
        let names = self.fields.iter().map(|field| &field.ident);
        let mutable = self.fields.iter().filter(|field| field.is_mutable);
        let mutable = mutable.map(|field| &field.ident);
        quote!(let Self { #(#names),* } = #from; #(let mut #mutable = #mutable;)*)
    }

    /// The type in `&mut Wrapper<'_, Type>` of the first parameter.
    fn state_in(&self, wrapper: &str) -> Result<&Type> {
        let [app] = arguments_of(&self.state.ty, wrapper)[..] else {
            let words = format!("the first parameter is the state: `{wrapper}<'_, App>`, borrowed");
            return Err(Error::new(self.state.ty.span(), words));
        };
        Ok(app)
    }
}

/// `#[command(by = …)]` above a function.
pub(crate) fn command(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let (by, others) = authorized(arguments, item.span(), "command")?;
    let short = Short::parse(item, "a command")?;
    let app = short.state_in("Deciding")?;
    let outcome = match &short.output {
        ReturnType::Type(_, ty) => arguments_of(ty, "Result"),
        ReturnType::Default => Vec::new(),
    };
    let [answer, refusal] = outcome[..] else {
        let words = "a command answers or is refused: `-> Result<Answer, Refusal>`";
        return Err(Error::new(short.ident.span(), words));
    };
    let (ident, state, body) = (&short.ident, &short.state.pat, &short.body);
    let taken = short.taken(quote!(self));
    let authorize = authorize(&by, app);
    let recorded = recorded::expand(Kind::Command, others, short.declared())?;
    let deciding = quote!(::deeds::__private::deciding::Deciding);
    Ok(quote! {
        #recorded
        impl ::deeds::__private::command::Decide<#app> for #ident {
            type Answer = #answer;
            type Refusal = #refusal;
            #authorize
            fn decide(self, #state: &mut #deciding<'_, #app>) -> Result<#answer, #refusal> {
                #taken
                #body
            }
        }
    })
}

/// `#[event]` above a function.
pub(crate) fn event(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let short = Short::parse(item, "an event")?;
    if let ReturnType::Type(_, ty) = &short.output {
        let words = "an event answers nothing, and cannot fail: it has happened";
        return Err(Error::new(ty.span(), words));
    }
    let Type::Reference(borrowed) = &*short.state.ty else {
        let words = "the first parameter of an event is the state, to change: `&mut App`";
        return Err(Error::new(short.state.ty.span(), words));
    };
    let (app, ident, state, body) = (&borrowed.elem, &short.ident, &short.state.pat, &short.body);
    let meta = short.meta.as_ref().map_or(quote!(_), |meta| meta.pat.to_token_stream());
    let taken = short.taken(quote!(self));
    let recorded = recorded::expand(Kind::Event, arguments, short.declared())?;
    let event = quote!(::deeds::__private::event);
    Ok(quote! {
        #recorded
        impl #event::Evolve<#app> for #ident {
            fn evolve(self, #state: &mut #app, #meta: &#event::Meta<'_>) {
                #taken
                #body
            }
        }
    })
}

/// `#[query(by = …)]` above a function: of `Rows` it picks rows, anything else it computes. Where the
/// scope is a key, it says who may: those who hold it.
pub(crate) fn query(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let has_key = arguments.to_string().starts_with("scope = Key");
    let (by, others) = match has_key {
        true => (syn::parse_quote!(anyone), arguments),
        false => authorized(arguments, item.span(), "query")?,
    };
    let short = Short::parse(item, "a query")?;
    let app = short.state_in("Visible")?;
    let ReturnType::Type(_, answer) = &short.output else {
        let words = "a query answers something: `-> Rows<'_, Row>`, or a value";
        return Err(Error::new(short.ident.span(), words));
    };
    let (ident, state, body) = (&short.ident, &short.state.pat, &short.body);
    let taken = short.taken(quote!(::core::clone::Clone::clone(self)));
    let authorize = authorize(&by, app);
    let declared = expand_query(others, short.declared())?;
    let query = quote!(::deeds::__private::query);
    let visible = quote!(::deeds::__private::state::Visible<'_, #app>);
    let [row] = arguments_of(answer, "Rows")[..] else {
        return Ok(quote! {
            #declared
            impl #query::Read<#app> for #ident {
                type Answer = #answer;
                #authorize
                fn read(&self, #state: &#visible, _: &#query::Asking<'_, #app>) -> #answer {
                    #taken
                    #body
                }
            }
        });
    };
    Ok(quote! {
        #declared
        impl #query::Select<#app> for #ident {
            type Row = #row;
            type Item = #row;
            #authorize
            fn rows<'a>(
                &self,
                #state: &'a #visible,
                _: &#query::Asking<'_, #app>,
            ) -> ::deeds::__private::rows::Rows<'a, #row> {
                #taken
                #body
            }
            fn item(
                &self,
                row: &#row,
                _: &::deeds::__private::state::Visible<'_, #app>,
            ) -> #row {
                ::core::clone::Clone::clone(row)
            }
            // All is told of a row, so in whichever order.
            fn sorts(&self) -> bool {
                true
            }
        }
    })
}

/// Who may, and the arguments that are left.
fn authorized(arguments: TokenStream, span: Span, what: &str) -> Result<(Expr, TokenStream)> {
    let parser = Punctuated::<MetaNameValue, Token![,]>::parse_terminated;
    let (by, others): (Vec<_>, Vec<_>) =
        parser.parse2(arguments)?.into_iter().partition(|pair| pair.path.is_ident("by"));
    let Some(by) = by.into_iter().next() else {
        let words =
            format!("say who may: `#[{what}(by = anyone)]` or `#[{what}(by = Role::Admin)]`");
        return Err(Error::new(span, words));
    };
    Ok((by.value, quote!(#(#others),*)))
}

/// `anyone` who has shown who they are, or who has a role.
fn authorize(by: &Expr, app: &Type) -> TokenStream {
    let actor = quote!(::deeds::__private::actor);
    let anyone = matches!(by, Expr::Path(path) if path.path.is_ident("anyone"));
    let (name, access) = match anyone {
        true => (quote!(_), quote!(#actor::Access::Allowed)),
        false => (quote!(actor), quote!(actor.requires(#by))),
    };
    quote! {
        fn authorize(&self, #name: &#actor::Actor, _: &#app) -> #actor::Access {
            #access
        }
    }
}

/// `add_task`: `AddTask`.
fn capitals(snake: &str) -> String {
    let mut capitals = String::new();
    for word in snake.split('_') {
        let mut letters = word.chars();
        capitals.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        capitals.push_str(letters.as_str());
    }
    capitals
}

/// The last name in a type's path, behind a reference if there is one.
fn last_of(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Reference(reference) => last_of(&reference.elem),
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

/// The types in `Wrapper<'_, Type, …>`.
fn arguments_of<'a>(ty: &'a Type, wrapper: &str) -> Vec<&'a Type> {
    let last = last_of(ty).filter(|last| last.ident == wrapper);
    let Some(PathArguments::AngleBracketed(list)) = last.map(|last| &last.arguments) else {
        return Vec::new();
    };
    let types = list.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(inner) => Some(inner),
        _ => None,
    });
    types.collect()
}
