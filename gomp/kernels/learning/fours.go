package learning

import "math"

// fours holds points four by four, the coordinates of each four side by side: the four sums of a distance
// do not wait for each other, which makes it about three times as fast as one by one.
type fours struct {
	data    []float64
	columns int
}

// pack fills f with the rows of points. What is left of the last four is infinitely far away.
func (f *fours) pack(points []float64, columns int) {
	groups := (len(points)/columns + 3) / 4
	f.columns = columns
	f.data = append(f.data[:0], make([]float64, groups*4*columns)...)
	for i := range f.data {
		row, column := i/(4*columns)*4+i%4, i/4%columns
		if at := row*columns + column; at < len(points) {
			f.data[i] = points[at]
		} else {
			f.data[i] = math.Inf(1)
		}
	}
}

// groups is the number of fours.
func (f *fours) groups() int { return len(f.data) / (4 * f.columns) }

// distances gives the squares of the distances of a point from the four of a group.
func (f *fours) distances(point []float64, group int) [4]float64 {
	data := f.data[group*4*f.columns:][:4*len(point)]
	var a, b, c, d float64
	for _, x := range point {
		if len(data) < 4 { // never, but it spares the loop four checks of bounds
			break
		}
		da, db, dc, dd := x-data[0], x-data[1], x-data[2], x-data[3]
		a, b, c, d = a+da*da, b+db*db, c+dc*dc, d+dd*dd
		data = data[4:]
	}
	return [4]float64{a, b, c, d}
}
