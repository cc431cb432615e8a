// Package images holds the shipped pack's kernels for images and video.
//
// An image is an array (height, width) or (height, width, channels), a clip one of (frames,
// height, width, channels). Its elements are uint8, from 0 to 255, or float32, of any scale
// unless a kernel says otherwise; kernels for float32 have names that end in _f32. Channels
// are worked on one by one, except in conversions of colour.
//
// Results for uint8 are those of Pillow to the bit where a kernel names Pillow; filters treat
// the border as scipy.ndimage does by default, by reflection (d c b a | a b c d | d c b a).
//
// Each kernel keeps to one goroutine, since a pool runs many of them at a time; only the
// Gaussian blurs, which take long for a large image, use all cores that the process may.
package images
