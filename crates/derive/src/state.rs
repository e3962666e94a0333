//! `#[state]`: a struct of tables.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::{Error, Field, Ident, ItemStruct, Result, Type, Visibility};

use crate::item::{field_name, inner_of, name, named_fields, refuse_arguments, refuse_generics};
use crate::recorded::parse_struct;
use crate::row::beside;

/// One table of the state.
struct Place<'a> {
    ident: &'a Ident,
    name: String,
    row: &'a Type,
    visibility: &'a Visibility,
}

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    refuse_arguments(&arguments, "state")?;
    let item = parse_struct(item, "a state")?;
    refuse_generics(&item.generics, "a state")?;
    let fields = named_fields(&item.fields, item.ident.span(), "a state")?;
    if fields.is_empty() {
        return Err(Error::new(item.ident.span(), "a state has at least one table"));
    }
    let places = fields.iter().map(|field| place(field)).collect::<Result<Vec<_>>>()?;
    refuse_same_rows(&places)?;

    let visible = visible(&item, &places);
    let tables = tables(&item.ident, &places);
    let state = state(&item, &places);
    Ok(quote! {
        #item
        #state
        #tables
        #visible
    })
}

fn place(field: &Field) -> Result<Place<'_>> {
    let Some(row) = inner_of(&field.ty, "Table") else {
        let words = "a state holds tables only, `Table<SomeRow>`; a single value is a table with \
                     one row";
        return Err(Error::new(field.ty.span(), words));
    };
    let ident = field_name(field);
    Ok(Place { ident, name: name(ident), row, visibility: &field.vis })
}

fn refuse_same_rows(places: &[Place<'_>]) -> Result<()> {
    for (at, place) in places.iter().enumerate() {
        let row = place.row.to_token_stream().to_string();
        let same = |other: &&Place<'_>| other.row.to_token_stream().to_string() == row;
        if let Some(first) = places[..at].iter().find(same) {
            let words = format!(
                "`{}` holds rows of this type already: a state has one table for each type of row",
                first.name
            );
            return Err(Error::new(place.row.span(), words));
        }
    }
    Ok(())
}

fn state(item: &ItemStruct, places: &[Place<'_>]) -> TokenStream {
    let (ident, visible) = (&item.ident, beside(item, "Visible"));
    let idents: Vec<_> = places.iter().map(|place| place.ident).collect();
    let names = places.iter().map(|place| &place.name);
    quote! {
        impl ::deeds::__private::state::State for #ident {
            type Visible<'a> = #visible<'a>;

            fn live() -> Self {
                Self { #(#idents: ::deeds::__private::table::Table::live(#names)),* }
            }
            fn freeze(&self) -> Self {
                Self { #(#idents: self.#idents.freeze()),* }
            }
            fn visible<'a>(&'a self, keys: &'a ::deeds::__private::actor::Keys) -> #visible<'a> {
                #visible { #(#idents: ::deeds::__private::rows::VisibleTable::new(&self.#idents, keys)),* }
            }
            fn each_mut(&mut self, mut visit: impl FnMut(&mut dyn ::deeds::__private::table::AnyTable)) {
                #(visit(&mut self.#idents);)*
            }
            fn check_references(&self) -> ::std::result::Result<(), ::std::string::String> {
                use ::deeds::__private::table::AnyTable as _;
                #(self.#idents.check_references(self)?;)*
                ::std::result::Result::Ok(())
            }
        }
    }
}

fn tables(ident: &Ident, places: &[Place<'_>]) -> TokenStream {
    let (idents, rows): (Vec<_>, Vec<_>) =
        places.iter().map(|place| (place.ident, place.row)).unzip();
    quote! {
        impl ::deeds::__private::table::Tables for #ident {
            fn find(
                &self,
                row_type: ::std::any::TypeId,
            ) -> ::std::option::Option<&dyn ::deeds::__private::table::AnyTable> {
                #(
                    if row_type == ::std::any::TypeId::of::<#rows>() {
                        return ::std::option::Option::Some(&self.#idents);
                    }
                )*
                ::std::option::Option::None
            }
            fn each(&self, visit: &mut dyn FnMut(&dyn ::deeds::__private::table::AnyTable)) {
                #(visit(&self.#idents);)*
            }
        }
        #(
            impl ::deeds::__private::state::Holds<#rows> for #ident {
                fn table(&self) -> &::deeds::__private::table::Table<#rows> {
                    &self.#idents
                }
            }
        )*
    }
}

fn visible(item: &ItemStruct, places: &[Place<'_>]) -> TokenStream {
    let (visible, visibility) = (beside(item, "Visible"), &item.vis);
    let doc = format!("The tables of [`{}`], as an actor sees them.", item.ident);
    let fields = places.iter().map(|Place { ident, name, row, visibility }| {
        let doc = format!("The visible rows of `{name}`.");
        quote! {
            #[doc = #doc]
            #visibility #ident: ::deeds::__private::rows::VisibleTable<'a, #row>
        }
    });
    quote! {
        #[doc = #doc]
        #visibility struct #visible<'a> {
            #(#fields),*
        }
    }
}
