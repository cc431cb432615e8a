package simulation

import (
	"context"
	"encoding/binary"

	"github.com/gomp-project/gomp/gomp/kernel"
	"github.com/gomp-project/gomp/gomp/kernels/internal/argument"
)

// LifeSteps plays Conway's Game of Life and returns the cells after some generations: 1 is alive,
// 0 is dead.
//
// cells is a (rows, columns) array of uint8, where anything but 0 is alive. With wrap the edges
// are joined, top to bottom and left to right; otherwise all is dead outside.
//
// It is an error if cells is not two-dimensional or if steps is negative.
//
// Source: Gardner, Scientific American, October 1970: a cell lives on with two or three of its eight
// neighbours alive, and is born with three.
//
//gomp:kernel life_steps
func LifeSteps(ctx context.Context, cells kernel.Array[uint8], steps int, wrap bool) (kernel.Array[uint8], error) {
	var none kernel.Array[uint8]
	if err := argument.First(cells.Dims("cells", 2), argument.AtLeast("steps", steps, 0)); err != nil {
		return none, err
	}
	result := kernel.New[uint8](ctx, cells.Shape[0], cells.Shape[1])
	if cells.Len() == 0 {
		return result, nil
	}
	now := newBoard(cells.Shape[0], cells.Shape[1])
	next := newBoard(now.rows, now.columns)
	now.fill(cells.Flat())
	for range steps {
		if ctx.Err() != nil {
			return none, ctx.Err()
		}
		if wrap {
			now.wrap()
		} else {
			now.bury()
		}
		for row := 1; row <= now.rows; row++ {
			next.generation(now, row)
		}
		now, next = next, now
	}
	for row := range now.rows {
		copy(result.Data[row*now.columns:][:now.columns], now.line(row + 1)[1:])
	}
	return result, nil
}

// board has a cell's width of border around the cells, and lines long enough for eight cells to be
// computed at once: what comes after the right border is never looked at by a cell.
type board struct {
	data          []uint8
	rows, columns int
	stride        int
}

func newBoard(rows, columns int) *board {
	stride := (columns+7)/8*8 + 2
	return &board{make([]uint8, (rows+2)*stride), rows, columns, stride}
}

// line is a row with its borders: cell j of row i is line(i + 1)[j + 1].
func (b *board) line(row int) []uint8 { return b.data[row*b.stride:][:b.stride] }

func (b *board) fill(cells []uint8) {
	for row := range b.rows {
		line := b.line(row + 1)[1:]
		for column, cell := range cells[row*b.columns:][:b.columns] {
			line[column] = min(cell, 1)
		}
	}
}

// wrap makes the border what lies on the other side.
func (b *board) wrap() {
	for row := 1; row <= b.rows; row++ {
		line := b.line(row)
		line[0], line[b.columns+1] = line[b.columns], line[1]
	}
	copy(b.line(0), b.line(b.rows))
	copy(b.line(b.rows+1), b.line(1))
}

// bury makes the border dead.
func (b *board) bury() {
	for row := 1; row <= b.rows; row++ {
		line := b.line(row)
		line[0], line[b.columns+1] = 0, 0
	}
	clear(b.line(0))
	clear(b.line(b.rows + 1))
}

// Eight cells in the bytes of a word.
const (
	ones   = 0x0101010101010101
	threes = 3 * ones
	lows   = 15 * ones
)

// generation computes a row. No byte carries into the next: a sum is at most 8.
func (b *board) generation(from *board, row int) {
	above, here, below, to := from.line(row-1), from.line(row), from.line(row+1), b.line(row)
	for j := 0; j+10 <= len(here); j += 8 {
		cell := word(here, j+1)
		sum := word(above, j) + word(above, j+1) + word(above, j+2) + word(here, j) + word(here, j+2) +
			word(below, j) + word(below, j+1) + word(below, j+2)
		// Three neighbours, or two and alive, are what makes this a three.
		other := (sum | cell) ^ threes
		dead := (other + lows) >> 4 & ones
		binary.LittleEndian.PutUint64(to[j+1:], dead^ones)
	}
}

func word(line []uint8, at int) uint64 { return binary.LittleEndian.Uint64(line[at:]) }
