package main

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

const (
	width     = 22 * vg.Centimeter
	barWidth  = 0.45 * vg.Centimeter
	wayHeight = 1.6 * vg.Centimeter
	margins   = 4.5 * vg.Centimeter // title, axis and legend
	padding   = 0.3 * vg.Centimeter

	// variant is the font that texts are measured with. fonts lists fonts of the
	// same widths for viewers that do not have it.
	variant = "Sans"
	fonts   = "Liberation Sans,Arial,Helvetica,sans-serif"
)

// palette has a colour for each engine, distinguishable for colour-blind readers.
func palette(n int) color.Color {
	colours := []color.Color{
		color.RGBA{R: 0x00, G: 0x72, B: 0xb2, A: 0xff}, color.RGBA{R: 0xe6, G: 0x9f, B: 0x00, A: 0xff},
		color.RGBA{R: 0x00, G: 0x9e, B: 0x73, A: 0xff}, color.RGBA{R: 0x56, G: 0xb4, B: 0xe9, A: 0xff},
	}
	return colours[n%len(colours)]
}

// draw returns the chart as SVG. Each way to build an image has a group of bars, one
// for each engine, in the order of the figures.
func draw(b builds) ([]byte, error) {
	ways := b.Engines[0].Ways
	p := plot.New()
	p.BackgroundColor = color.White // GitHub's dark theme has a dark background
	p.Title.Text = fmt.Sprintf("Time of one build with %d MB of dependencies and a changed application", b.DependencyMegabytes)
	p.Title.Padding = 0.3 * vg.Centimeter
	p.X.Label.Text = "seconds (median), lower is better"
	p.X.Min = 0
	p.Y.Tick.Length = 0
	p.Y.LineStyle.Width = 0
	names := make([]string, len(ways))
	for n, way := range ways {
		names[len(ways)-1-n] = way.Name
	}
	p.NominalY(names...)
	for n, engine := range b.Engines {
		if err := addBars(p, engine, n, len(b.Engines)); err != nil {
			return nil, err
		}
	}
	p.Legend.Top = true
	p.Legend.Padding = 0.15 * vg.Centimeter
	p.Y.Max = float64(len(ways)) + 0.1*float64(len(b.Engines)) // room for the legend
	p.X.Tick.Marker = plot.TickerFunc(ticks)
	p.X.Max *= 1.08 // room for the numbers

	for _, style := range []*text.Style{
		&p.Title.TextStyle, &p.X.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle,
	} {
		style.Font.Variant = variant
	}
	p.Title.TextStyle.Font.Size = vg.Points(13)

	canvas := vgsvg.NewWith(vgsvg.UseWH(width, margins+vg.Length(len(ways))*wayHeight))
	p.Draw(vgdraw.Crop(vgdraw.New(canvas), padding, -padding, padding, -padding))
	var out bytes.Buffer
	_, err := canvas.WriteTo(&out)
	return bytes.ReplaceAll(out.Bytes(), []byte("font-family:Liberation Sans;"), []byte("font-family:"+fonts+";")), err
}

// ticks returns five to ten round numbers.
func ticks(_, most float64) []plot.Tick {
	step := math.Pow(10, math.Floor(math.Log10(most)))
	for _, part := range []float64{0.1, 0.2, 0.5} {
		if most/(part*step) <= 10 {
			step *= part
			break
		}
	}
	var marks []plot.Tick
	for n := 0; float64(n)*step <= most; n++ {
		value := float64(n) * step
		marks = append(marks, plot.Tick{Value: value, Label: strconv.FormatFloat(value, 'g', 4, 64)})
	}
	return marks
}

// addBars adds the bars of an engine, with the number beside each.
func addBars(p *plot.Plot, e engine, n, of int) error {
	values := make(plotter.Values, len(e.Ways))
	labels := plotter.XYLabels{XYs: make(plotter.XYs, len(e.Ways)), Labels: make([]string, len(e.Ways))}
	for i, way := range slices.Backward(e.Ways) {
		at := len(e.Ways) - 1 - i
		values[at] = way.MedianSeconds
		labels.XYs[at] = plotter.XY{X: way.MedianSeconds, Y: float64(at)}
		labels.Labels[at] = fmt.Sprintf("%.1f", way.MedianSeconds)
	}
	bars, err := plotter.NewBarChart(values, barWidth)
	if err != nil {
		return err
	}
	bars.Horizontal = true
	bars.Color = palette(n)
	bars.LineStyle.Width = 0
	bars.Offset = barWidth * vg.Length(float64(of-1)/2-float64(n))
	numbers, err := plotter.NewLabels(labels)
	if err != nil {
		return err
	}
	for i := range numbers.TextStyle {
		numbers.TextStyle[i].YAlign = text.YCenter
		numbers.TextStyle[i].Font.Variant = variant
	}
	numbers.Offset = vg.Point{X: 0.1 * vg.Centimeter, Y: bars.Offset}
	p.Add(bars, numbers)
	p.Legend.Add(e.Image, bars)
	return nil
}
