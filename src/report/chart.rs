//! Charts as SVG: bars, and a line at their mean.

use plotters::prelude::*;
use std::io;

/// Pixels, before a browser scales them.
const SIZE: (u32, u32) = (960, 240);

/// With more bars than these, only some are named.
const MOST_NAMES: usize = 24;

const BAR: RGBColor = RGBColor(0x35, 0x6b, 0xb4);
const MEAN: RGBColor = RGBColor(0xc4, 0x3c, 0x28);
const GRID: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);

/// From the left edge on, each bar one wide.
pub(super) struct Bars {
    pub heights: Vec<u64>,
    /// Drawn across all bars.
    pub mean: Option<f64>,
    /// What stands at the left edge of a bar, by its index; the number of bars for the right edge of all.
    pub names: Box<dyn Fn(usize) -> String>,
    /// A height in words.
    pub height_text: fn(u64) -> String,
}

/// A label stands at whole numbers only: the library divides small ranges further.
fn whole(at: f64) -> Option<u64> {
    ((at - at.round()).abs() < 1e-6).then_some(at.round() as u64)
}

/// Draws the bars.
///
/// # Errors
/// When the library fails to draw, which a string as its target gives no cause for.
pub(super) fn svg(bars: &Bars) -> io::Result<String> {
    let mut svg = String::new();
    draw(bars, &mut svg).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(svg)
}

fn draw(bars: &Bars, svg: &mut String) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    let width = bars.heights.len().max(1) as f64;
    let tallest = bars.heights.iter().copied().max().unwrap_or(0).max(1) as f64;
    let mut chart = ChartBuilder::on(&root)
        .margin(10)
        .margin_right(32)
        .x_label_area_size(24)
        .y_label_area_size(72)
        .build_cartesian_2d(0.0..width, 0.0..tallest * 1.05)?;
    let style = ("sans-serif", 12);
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(GRID)
        .x_labels(if bars.heights.len() > MOST_NAMES {
            9
        } else {
            bars.heights.len() + 1
        })
        .y_labels(5)
        .label_style(style)
        .x_label_formatter(&|x| {
            whole(*x).map_or_else(String::new, |bar| (bars.names)(bar as usize))
        })
        .y_label_formatter(&|y| whole(*y).map_or_else(String::new, bars.height_text))
        .draw()?;
    chart.draw_series(bars.heights.iter().enumerate().map(|(index, height)| {
        let corners = [(index as f64, 0.0), (index as f64 + 0.9, *height as f64)];
        Rectangle::new(corners, BAR.filled())
    }))?;
    if let Some(mean) = bars.mean {
        let line = vec![(0.0, mean), (width, mean)];
        chart.draw_series([PathElement::new(line, MEAN.stroke_width(2))])?;
    }
    root.present()?;
    Ok(())
}
