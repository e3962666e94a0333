//! Pictures of the comparison: lines over two axes that both grow by factors, written as SVG by hand, since
//! that is all they are.

use std::fmt::Write as _;

/// One line, or one point.
pub(crate) struct Series {
    pub(crate) name: &'static str,
    pub(crate) colour: &'static str,
    pub(crate) points: Vec<(f64, f64)>,
}

/// Lines over the same axes.
pub(crate) struct Chart {
    pub(crate) title: String,
    pub(crate) x: &'static str,
    pub(crate) y: &'static str,
    pub(crate) series: Vec<Series>,
}

/// The picture, and what lies between its edge and the axes: names stand at the right end of lines.
const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 250.0;
const TOP: f64 = 54.0;
const BOTTOM: f64 = 56.0;

/// How far names stand apart at least.
const NAME_APART: f64 = 17.0;

/// Where values lie between the least and the most, both powers of the base.
struct Axis {
    base: f64,
    first: i32,
    last: i32,
    from: f64,
    to: f64,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64>, base: f64, from: f64, to: f64) -> Self {
        let (mut first, mut last) = (i32::MAX, i32::MIN);
        for value in values.filter(|value| *value > 0.0) {
            let power = value.log(base);
            first = first.min((power + 1e-9).floor() as i32);
            last = last.max((power - 1e-9).ceil() as i32);
        }
        let last = last.max(first.saturating_add(1));
        Self { base, first, last, from, to }
    }

    fn at(&self, value: f64) -> f64 {
        let share =
            (value.log(self.base) - f64::from(self.first)) / f64::from(self.last - self.first);
        self.from + share * (self.to - self.from)
    }

    fn marks(&self) -> impl Iterator<Item = f64> {
        (self.first..=self.last).map(|power| self.base.powi(power))
    }
}

impl Chart {
    /// The picture.
    pub(crate) fn svg(&self) -> String {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let x = Axis::over(points().map(|(x, _)| *x), 4.0, LEFT, WIDTH - RIGHT);
        let y = Axis::over(points().map(|(_, y)| *y), 10.0, HEIGHT - BOTTOM, TOP);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"system-ui, sans-serif\" font-size=\"13\" role=\"img\" \
             aria-label=\"{title}\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n",
            title = self.title
        );
        self.axes(&mut svg, &x, &y);
        let mut ends: Vec<(f64, &Series)> = Vec::new();
        for series in &self.series {
            let Some((_, last)) = series.points.last() else { continue };
            line(&mut svg, series, &x, &y);
            ends.push((y.at(*last), series));
        }
        names(&mut svg, ends, &x);
        svg + "</svg>\n"
    }

    fn axes(&self, svg: &mut String, x: &Axis, y: &Axis) {
        let Self { title, x: x_name, y: y_name, .. } = self;
        let (left, right, top, bottom) = (x.from, x.to, y.to, y.from);
        let grid = "stroke=\"#e4e4e4\"";
        let mut text = |x: f64, y: f64, anchor: &str, text: &str| {
            let put = writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"#333\">{text}</text>"
            );
            put.expect("a string takes every letter");
        };
        text(left, 20.0, "start", &format!("<tspan font-weight=\"600\">{title}</tspan>"));
        text((left + right) / 2.0, HEIGHT - 14.0, "middle", x_name);
        text(left, top - 8.0, "start", y_name);
        for mark in x.marks() {
            text(x.at(mark), bottom + 18.0, "middle", &short(mark));
        }
        for mark in y.marks() {
            text(left - 8.0, y.at(mark) + 4.0, "end", &short(mark));
        }
        for at in x.marks().map(|mark| x.at(mark)) {
            let put = writeln!(svg, "<path d=\"M{at:.1} {top}V{bottom}\" {grid}/>");
            put.expect("a string takes every letter");
        }
        for at in y.marks().map(|mark| y.at(mark)) {
            let put = writeln!(svg, "<path d=\"M{left} {at:.1}H{right}\" {grid}/>");
            put.expect("a string takes every letter");
        }
    }
}

fn line(svg: &mut String, series: &Series, x: &Axis, y: &Axis) {
    let Series { colour, points, .. } = series;
    let places = points.iter().map(|(of_x, of_y)| (x.at(*of_x), y.at(*of_y)));
    let path: Vec<String> = places.clone().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let mut put = writeln!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
        path.join(" ")
    );
    for (x, y) in places {
        put = put.and(writeln!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{colour}\"/>"
        ));
    }
    put.expect("a string takes every letter");
}

/// Each name at the height of its line's end, or as near as the others let it.
fn names(svg: &mut String, mut ends: Vec<(f64, &Series)>, x: &Axis) {
    ends.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut lowest = TOP - NAME_APART;
    for (end, Series { name, colour, points }) in ends {
        let height = end.max(lowest + NAME_APART);
        lowest = height;
        let last = points.last().map_or(x.to, |(last, _)| x.at(*last));
        let put = writeln!(
            svg,
            "<path d=\"M{:.1} {end:.1}L{:.1} {height:.1}\" stroke=\"{colour}\" stroke-dasharray=\"2 3\" \
             opacity=\"0.6\"/>\n<text x=\"{:.1}\" y=\"{:.1}\" fill=\"{colour}\">{name}</text>",
            last + 5.0,
            x.to + 12.0,
            x.to + 16.0,
            height + 4.0
        );
        put.expect("a string takes every letter");
    }
}

/// A power of two or ten in few letters.
fn short(number: f64) -> String {
    match number {
        million if million >= 1e6 => format!("{} M", million / 1e6),
        thousand if thousand >= 1e4 => format!("{},000", thousand / 1e3),
        other => crate::figures::grouped(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_in_flight_lies_further_right_and_a_higher_rate_higher_up() {
        let points = vec![(1.0, 100.0), (4_096.0, 100_000.0)];
        let series = vec![Series { name: "ours", colour: "#000", points }];
        let chart = Chart { title: "rate".to_owned(), x: "in flight", y: "per second", series };
        let svg = chart.svg();
        let line = svg.lines().find(|line| line.starts_with("<polyline")).unwrap();
        let bottom = HEIGHT - BOTTOM;
        let expected = format!("points=\"{LEFT:.1},{bottom:.1} {:.1},{TOP:.1}\"", WIDTH - RIGHT);
        assert!(line.contains(&expected), "{line}");
        assert!(svg.contains(">ours</text>") && svg.ends_with("</svg>\n"));
    }

    #[test]
    fn names_of_lines_that_end_together_do_not_cover_each_other() {
        let series = |name| Series { name, colour: "#000", points: vec![(1.0, 10.0)] };
        let (one, other) = (series("one"), series("other"));
        let mut svg = String::new();
        let x = Axis::over([1.0].into_iter(), 2.0, 0.0, 1.0);
        names(&mut svg, vec![(100.0, &one), (100.0, &other)], &x);
        let heights = svg.lines().filter_map(|line| line.split(" y=\"").nth(1));
        let heights: Vec<f64> =
            heights.filter_map(|rest| rest.split('"').next()?.parse().ok()).collect();
        assert_eq!(heights, [104.0, 104.0 + NAME_APART]);
    }
}
