//! `#[row]`: a row's key, indexes and references.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Error, Field, Ident, ItemStruct, Meta, Path, Result, Token, Type, parenthesized, token};

use crate::item::{
    check_stored, derives, doc, field_name, inner_of, name, named_fields, paths, refuse_generics,
    refuse_unstorable,
};
use crate::reads;
use crate::recorded::parse_struct;

/// The most fields in a key or an index: the tuples that are keys.
const PARTS_MAX: usize = 4;

/// One `index(…)` or `unique(…)`.
pub(crate) struct Index<'a> {
    /// The fields joined by `_`.
    pub(crate) name: String,
    pub(crate) unique: bool,
    pub(crate) fields: Vec<&'a Field>,
}

/// The arguments as written.
#[derive(Default)]
struct Arguments {
    key: Option<Vec<Ident>>,
    indexes: Vec<(Span, bool, Vec<Ident>)>,
    references: Vec<(Ident, Path)>,
    /// Whether every row is for everyone.
    for_everyone: bool,
}

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let arguments = parse_arguments(arguments)?;
    let item = parse_struct(item, "a row")?;
    refuse_generics(&item.generics, "a row")?;
    let fields = named_fields(&item.fields, item.ident.span(), "a row")?;
    refuse_personal(&fields)?;
    refuse_skipped(&fields)?;
    refuse_unstorable(fields.iter().map(|field| &field.ty))?;
    let Some(key) = &arguments.key else {
        let words =
            "a row has a key: write `#[row(key = field)]` or `#[row(key = (field, field))]`";
        return Err(Error::new(item.ident.span(), words));
    };
    let key = key.iter().map(|ident| find(&fields, ident)).collect::<Result<Vec<_>>>()?;
    let indexes = indexes(&arguments, &fields)?;
    let references = references(&arguments, &fields, &indexes)?;

    let (ident, doc, type_name) = (&item.ident, doc(&item.attrs), name(&item.ident));
    let key_type = key_type(&key);
    let encode_key = encode_fields(&key, "self");
    let specs = indexes.iter().map(index_spec);
    let stored = check_stored(fields.iter().map(|field| &field.ty));
    let wanted = ["Clone", "Debug", "PartialEq", "Serialize", "Deserialize", "JsonSchema"];
    let derives = derives(&item.attrs, &wanted);
    let paths = paths(quote!());
    let reads = reads::expand(&item, &key, &indexes);
    let audience = arguments.for_everyone.then(|| audience_of_everyone(ident));
    Ok(quote! {
        #stored
        #derives
        #paths
        #item
        impl ::deeds::__private::values::Stored for #ident {}
        impl ::deeds::__private::row::Row for #ident {
            type Key = #key_type;
            const NAME: &'static str = #type_name;
            const DOC: &'static str = #doc;
            const INDEXES: &'static [::deeds::__private::row::IndexSpec<Self>] = &[#(#specs),*];
            const REFERENCES: &'static [::deeds::__private::row::ReferenceSpec<Self>] = &[#(#references),*];

            fn encode_key(&self, out: &mut ::deeds::__private::values::KeyBytes) {
                #encode_key
            }

            fn schema(
                generator: &mut ::deeds::__private::schemars::SchemaGenerator,
            ) -> ::deeds::__private::schemars::Schema {
                generator.subschema_for::<Self>()
            }
        }
        #reads
        #audience
    })
}

fn index_spec(index: &Index<'_>) -> TokenStream {
    let (name, unique) = (&index.name, index.unique);
    let encode = encode_fields(&index.fields, "row");
    let names: Vec<&Ident> = index.fields.iter().map(|field| field_name(field)).collect();
    let options = index.fields.iter().filter(|field| inner_of(&field.ty, "Option").is_some());
    let options: Vec<&Ident> = options.map(|field| field_name(field)).collect();
    let row = if options.is_empty() { quote!(_) } else { quote!(row) };
    let has_value = quote!(|#row| #(row.#options.is_some() &&)* true);
    quote! {
        ::deeds::__private::row::IndexSpec {
            name: #name,
            unique: #unique,
            has_value: #has_value,
            same: |row, other| #(row.#names == other.#names)&&*,
            encode: |row, out| { #encode },
        }
    }
}

fn audience_of_everyone(ident: &Ident) -> TokenStream {
    let actor = quote!(::deeds::__private::actor);
    quote! {
        impl #actor::Audience for #ident {
            fn audience(&self) -> #actor::Keys {
                #actor::Keys::everyone()
            }
        }
    }
}

fn parse_arguments(arguments: TokenStream) -> Result<Arguments> {
    let mut parsed = Arguments::default();
    let parser = syn::meta::parser(|meta| {
        let word = meta.path.get_ident().map(Ident::to_string).unwrap_or_default();
        match word.as_str() {
            "key" if parsed.key.is_some() => return Err(meta.error("a row has one key")),
            "key" => {
                let value = meta.value()?;
                let fields =
                    if value.peek(token::Paren) { idents(value)? } else { vec![value.parse()?] };
                parsed.key = Some(at_most(fields, meta.path.span())?);
            }
            "index" | "unique" => {
                let fields = at_most(idents(meta.input)?, meta.path.span())?;
                parsed.indexes.push((meta.path.span(), word == "unique", fields));
            }
            "references" => {
                let content;
                parenthesized!(content in meta.input);
                let each = |input: ParseStream<'_>| -> Result<(Ident, Path)> {
                    let field = input.parse()?;
                    input.parse::<Token![=]>()?;
                    Ok((field, input.parse()?))
                };
                let list = Punctuated::<_, Token![,]>::parse_terminated_with(&content, each)?;
                parsed.references.extend(list);
            }
            "audience" => {
                let who: Ident = meta.value()?.parse()?;
                if who != "everyone" {
                    let words = "what is not for everyone is said by `impl Audience`";
                    return Err(Error::new(who.span(), words));
                }
                parsed.for_everyone = true;
            }
            _ => {
                return Err(meta.error(
                    "a row takes `key = field`, `index(field, ...)`, `unique(field, ...)`, \
                     `references(field = Row)` and `audience = everyone`",
                ));
            }
        }
        Ok(())
    });
    parser.parse2(arguments)?;
    Ok(parsed)
}

fn idents(input: ParseStream<'_>) -> Result<Vec<Ident>> {
    let content;
    parenthesized!(content in input);
    Ok(Punctuated::<Ident, Token![,]>::parse_terminated(&content)?.into_iter().collect())
}

fn at_most(fields: Vec<Ident>, span: Span) -> Result<Vec<Ident>> {
    if (1..=PARTS_MAX).contains(&fields.len()) {
        return Ok(fields);
    }
    Err(Error::new(span, format!("name one to {PARTS_MAX} fields")))
}

fn refuse_personal(fields: &[&Field]) -> Result<()> {
    for field in fields {
        if let Some(mark) = field.attrs.iter().find(|mark| mark.path().is_ident("personal")) {
            let words = "`#[personal]` is for fields of commands and events: a row is not kept, it \
                         is made from them";
            return Err(Error::new(mark.path().span(), words));
        }
    }
    Ok(())
}

/// What serde skips is not in a snapshot, so a restart would lose it.
fn refuse_skipped(fields: &[&Field]) -> Result<()> {
    for attribute in fields.iter().flat_map(|field| &field.attrs) {
        let Meta::List(list) = &attribute.meta else { continue };
        if !list.path.is_ident("serde") {
            continue;
        }
        for token in list.tokens.clone() {
            let TokenTree::Ident(word) = token else { continue };
            if ["skip", "skip_serializing", "skip_deserializing"].iter().any(|skip| word == skip) {
                let words = "a row is written into snapshots and read back whole: a field that is \
                             skipped would be lost at a restart";
                return Err(Error::new(word.span(), words));
            }
        }
    }
    Ok(())
}

/// The field of that name.
fn find<'a>(fields: &[&'a Field], ident: &Ident) -> Result<&'a Field> {
    fields.iter().copied().find(|field| field_name(field) == ident).ok_or_else(|| {
        let names: Vec<String> = fields.iter().map(|field| field_name(field).to_string()).collect();
        let words = format!("there is no field `{ident}`; the fields are {}", names.join(", "));
        Error::new(ident.span(), words)
    })
}

fn indexes<'a>(arguments: &Arguments, fields: &[&'a Field]) -> Result<Vec<Index<'a>>> {
    let mut indexes: Vec<Index<'a>> = Vec::new();
    for (span, unique, idents) in &arguments.indexes {
        let parts = idents.iter().map(|ident| find(fields, ident)).collect::<Result<Vec<_>>>()?;
        let name = idents.iter().map(name).collect::<Vec<_>>().join("_");
        if indexes.iter().any(|index| index.name == name) {
            return Err(Error::new(*span, format!("there are two indexes `{name}`")));
        }
        indexes.push(Index { name, unique: *unique, fields: parts });
    }
    Ok(indexes)
}

fn references(
    arguments: &Arguments,
    fields: &[&Field],
    indexes: &[Index<'_>],
) -> Result<Vec<TokenStream>> {
    let mut specs = Vec::new();
    for (ident, target) in &arguments.references {
        let field = find(fields, ident)?;
        let starts = |index: &Index<'_>| field_name(index.fields[0]) == ident;
        let Some(index) = indexes.iter().position(starts) else {
            let words = format!(
                "`{ident}` refers to another row, but no index starts with it: add \
                 `index({ident})`, so that whoever removes the other row finds this one"
            );
            return Err(Error::new(ident.span(), words));
        };
        let field_name = name(ident);
        let span = field.ty.span();
        let row = quote!(::deeds::__private::row::Row);
        // The type of the key referred to is stated, so that another type is an error at the field.
        let encode_key = quote_spanned! { span=>
            let key: &<#target as #row>::Key = key;
            ::deeds::__private::values::Key::encode(key, out);
        };
        let optional = inner_of(&field.ty, "Option").is_some();
        let encode = if optional {
            quote! {
                let ::std::option::Option::Some(key) = &row.#ident else { return false };
                #encode_key
            }
        } else {
            quote! { let key = &row.#ident; #encode_key }
        };
        specs.push(quote! {
            ::deeds::__private::row::ReferenceSpec {
                field: #field_name,
                target: || ::std::any::TypeId::of::<#target>(),
                encode: |row, out| { #encode true },
                optional: #optional,
                index: #index,
            }
        });
    }
    Ok(specs)
}

/// The field's type, or the tuple of the fields' types.
fn key_type(fields: &[&Field]) -> TokenStream {
    let types: Vec<&Type> = fields.iter().map(|field| &field.ty).collect();
    match types.as_slice() {
        [one] => quote!(#one),
        many => quote!((#(#many),*)),
    }
}

/// Appends the fields' bytes. All tokens have the span of the field's type: what is not a key is
/// an error there.
fn encode_fields(fields: &[&Field], row: &str) -> TokenStream {
    let encode = fields.iter().map(|field| {
        let span = field.ty.span();
        let (row, mut name) = (Ident::new(row, span), field_name(field).clone());
        name.set_span(span);
        quote_spanned!(span=> ::deeds::__private::values::Key::encode(&#row.#name, out);)
    });
    quote!(#(#encode)*)
}

/// The name of a struct that is made beside an item.
pub(crate) fn beside(item: &ItemStruct, suffix: &str) -> Ident {
    Ident::new(&format!("{}{suffix}", name(&item.ident)), item.ident.span())
}
