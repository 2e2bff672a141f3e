//! Plots as SVG. No text of a user's ever stands in one.

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;

const SIZE: (u32, u32) = (640, 400);

/// A colour for each series of a plot, that the colour-blind distinguish too.
const COLOURS: [RGBColor; 3] = [
    RGBColor(213, 94, 0),
    RGBColor(0, 114, 178),
    RGBColor(0, 158, 115),
];

/// Points of one name.
pub struct Plotted<'a> {
    /// Stands in the legend.
    pub name: &'a str,
    /// x and y.
    pub points: Vec<(f64, f64)>,
}

/// Lines over x from 0.
pub fn lines(x: &str, y: &str, all: &[Plotted]) -> Result<String> {
    let most = |of: fn(&(f64, f64)) -> f64| largest(all.iter().flat_map(|s| &s.points).map(of));
    draw(|area| {
        let (width, height) = (most(|p| p.0), most(|p| p.1));
        let mut chart = framed(&area).build_cartesian_2d(0.0..width, 0.0..height * 1.05)?;
        chart
            .configure_mesh()
            .x_desc(x)
            .y_desc(y)
            .light_line_style(WHITE)
            .draw()?;
        for (series, colour) in all.iter().zip(COLOURS) {
            chart
                .draw_series(LineSeries::new(
                    series.points.iter().copied(),
                    colour.stroke_width(2),
                ))?
                .label(series.name)
                .legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 15, y)], colour.stroke_width(2))
                });
        }
        chart
            .configure_series_labels()
            .border_style(BLACK)
            .background_style(WHITE)
            .draw()?;
        Ok(())
    })
}

/// Points on logarithmic scales that are the same for both, with the line where they are equal.
pub fn against(x: &str, y: &str, all: &[Plotted]) -> Result<String> {
    let values = || {
        let points = all.iter().flat_map(|series| &series.points);
        points
            .flat_map(|point| [point.0, point.1])
            .filter(|value| *value > 0.0)
    };
    let (least, most) = (values().fold(f64::INFINITY, f64::min), largest(values()));
    let range = least.min(most / 10.0)..most * 1.2;
    draw(|area| {
        let mut chart = framed(&area)
            .build_cartesian_2d(range.clone().log_scale(), range.clone().log_scale())?;
        chart
            .configure_mesh()
            .x_desc(x)
            .y_desc(y)
            .light_line_style(WHITE)
            .draw()?;
        for (series, colour) in all.iter().zip(COLOURS) {
            let dot = |point: &(f64, f64)| Circle::new(*point, 2, colour.mix(0.4).filled());
            chart
                .draw_series(series.points.iter().map(dot))?
                .label(series.name)
                .legend(move |(x, y)| Circle::new((x + 7, y), 4, colour.filled()));
        }
        chart.draw_series(LineSeries::new(
            [range.start, range.end].map(|v| (v, v)),
            BLACK,
        ))?;
        chart
            .configure_series_labels()
            .border_style(BLACK)
            .background_style(WHITE)
            .draw()?;
        Ok(())
    })
}

/// Never 0, which is no range.
fn largest(values: impl Iterator<Item = f64>) -> f64 {
    let largest = values.filter(|value| value.is_finite()).fold(0.0, f64::max);
    if largest > 0.0 { largest } else { 1.0 }
}

/// Room for the axes and what is written beside them.
fn framed<'a, 'b>(area: &'a Area<'b>) -> ChartBuilder<'a, 'b, SVGBackend<'b>> {
    let mut chart = ChartBuilder::on(area);
    chart.margin(10).x_label_area_size(40).y_label_area_size(70);
    chart
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn draw(
    on: impl FnOnce(Area) -> Result<(), DrawingAreaErrorKind<std::io::Error>>,
) -> Result<String> {
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
    on(area).map_err(|error| anyhow!("a plot could not be drawn: {error:?}"))?;
    Ok(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_and_nonsense_are_drawn_too() {
        let odd = [0.0, 1e-9, f64::NAN, f64::INFINITY, 1e12].map(|value| (value, value));
        for points in [vec![], vec![(0.0, 0.0)], odd.to_vec()] {
            let series = [Plotted { name: "a", points }];
            assert!(lines("x", "y", &series).unwrap().ends_with("</svg>\n"));
            assert!(against("x", "y", &series).unwrap().ends_with("</svg>\n"));
        }
    }
}
