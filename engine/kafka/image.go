package kafka

import "trial/engine/kafka/control/image"

// Image is the committed metadata that the broker has applied. It is immutable.
func (b *Broker) Image() *image.Image { return b.image }
