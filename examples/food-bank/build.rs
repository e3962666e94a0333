//! Puts the pages into the program, if they were built: `npm run build` in `web` makes `web/dist`.

fn main() {
    deeds_build::pages("web/dist");
}
