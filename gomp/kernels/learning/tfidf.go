package learning

import (
	"context"
	"math"
	"slices"

	"github.com/gomp-project/gomp/gomp/kernel"
)

// Tfidf weighs the words of documents, as scikit-learn's TfidfVectorizer does unless told otherwise.
// It returns the vocabulary in alphabetical order and a sparse matrix in CSR form, for
// scipy.sparse.csr_matrix((data, indices, indptr), (len(documents), len(vocabulary))): data
// float64, indices and indptr int64, the indices of a row in ascending order.
//
// A word is two or more letters, digits or underscores of Unicode, in lower case. Its weight in
// a document is the number of times it is there, times log((1+n)/(1+df)) + 1, where df of the n documents have it;
// then each row is scaled to a Euclidean length of 1. Without any words
// the vocabulary is empty, where scikit-learn raises an exception.
//
// Source: scikit-learn's user guide, "Tf-idf term weighting".
//
//gomp:kernel tfidf
func Tfidf(ctx context.Context, documents []string) (vocabulary []string, data kernel.Array[float64], indices, indptr kernel.Array[int64], err error) {
	c := counts{numbers: map[string]int{}}
	ends := make([]int, len(documents))
	for i, document := range documents {
		if ctx.Err() != nil {
			return nil, data, indices, indptr, ctx.Err()
		}
		c.count(document)
		ends[i] = len(c.entries)
	}
	vocabulary, place := c.alphabet()
	idf := make([]float64, len(c.words))
	for word, n := range c.documents {
		idf[word] = math.Log(float64(1+len(documents))/float64(1+n)) + 1
	}
	data, indices = kernel.New[float64](ctx, len(c.entries)), kernel.New[int64](ctx, len(c.entries))
	indptr = kernel.New[int64](ctx, len(documents)+1)
	start := 0
	for i, end := range ends {
		row := c.entries[start:end]
		slices.SortFunc(row, func(a, b entry) int { return place[a.word] - place[b.word] })
		squares := 0.0
		for j, e := range row {
			weight := float64(e.times) * idf[e.word]
			data.Data[start+j], indices.Data[start+j] = weight, int64(place[e.word])
			squares += weight * weight
		}
		for j := range row {
			data.Data[start+j] /= math.Sqrt(squares)
		}
		indptr.Data[i+1] = int64(end)
		start = end
	}
	return vocabulary, data, indices, indptr, nil
}

// counts has the words of documents, numbered in the order in which they came.
type counts struct {
	numbers   map[string]int
	words     []string
	documents []int   // how many have the word
	last      []int   // the last entry of the word
	entries   []entry // document after document
}

type entry struct{ word, times int }

func (c *counts) count(document string) {
	start := len(c.entries)
	for word := range words(lower(document)) {
		number, known := c.numbers[word]
		if !known {
			number = len(c.words)
			c.numbers[word] = number
			c.words = append(c.words, word)
			c.documents = append(c.documents, 0)
			c.last = append(c.last, -1)
		}
		if c.last[number] < start {
			c.last[number] = len(c.entries)
			c.documents[number]++
			c.entries = append(c.entries, entry{word: number})
		}
		c.entries[c.last[number]].times++
	}
}

// alphabet gives the words in order, and the place of each number among them.
func (c *counts) alphabet() (sorted []string, place []int) {
	sorted, place = append([]string{}, c.words...), make([]int, len(c.words)) // not nil, which is None in Python
	slices.Sort(sorted)
	for i, word := range sorted {
		place[c.numbers[word]] = i
	}
	return sorted, place
}
