package bubble_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"trial/sim/bubble"
)

// apiVersions is a request that every broker answers, with its length in front.
func apiVersions(correlation int32) []byte {
	b := []byte{0, 0, 0, 10, 0, 18, 0, 0}
	b = binary.BigEndian.AppendUint32(b, uint32(correlation))
	return append(b, 0xff, 0xff) // no client id
}

func dial(t *testing.T, c *bubble.Cluster, to string) net.Conn {
	t.Helper()
	conn, err := c.DialContext(c.Context(), "tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// answer reads one answer and returns its correlation id.
func answer(t *testing.T, conn net.Conn) int32 {
	t.Helper()
	var head [8]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(head[:]))-4); err != nil {
		t.Fatal(err)
	}
	return int32(binary.BigEndian.Uint32(head[4:]))
}

// inBubble runs f against a calm cluster.
func inBubble(t *testing.T, f func(t *testing.T, c *bubble.Cluster)) {
	t.Helper()
	bubble.Run(t, bubble.Config{Plan: quick(t, 1)}, f)
}

func strike(t *testing.T, c *bubble.Cluster, fault string) {
	t.Helper()
	if err := c.Strike(fault); err != nil {
		t.Fatal(err)
	}
}

func TestBytesAreCutIntoFramesHoweverTheyAreWritten(t *testing.T) {
	inBubble(t, func(t *testing.T, c *bubble.Cluster) {
		conn := dial(t, c, "n1:9092")
		defer conn.Close()
		for _, b := range apiVersions(7) {
			if n, err := conn.Write([]byte{b}); n != 1 || err != nil {
				t.Fatal(n, err)
			}
		}
		two := append(apiVersions(8), apiVersions(9)...)
		if _, err := conn.Write(two[:20]); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(two[20:]); err != nil {
			t.Fatal(err)
		}
		for want := int32(7); want <= 9; want++ {
			if got := answer(t, conn); got != want {
				t.Errorf("answer to %d, want %d", got, want)
			}
		}
		if got := conn.RemoteAddr().Network() + " " + conn.RemoteAddr().String(); got != "tcp n1:9092" {
			t.Error(got)
		}
		if !strings.HasPrefix(conn.LocalAddr().String(), "app:4") {
			t.Error(conn.LocalAddr())
		}
	})
}

func TestDialsFailAsOnARealMachine(t *testing.T) {
	inBubble(t, func(t *testing.T, c *bubble.Cluster) {
		var unknown *net.DNSError
		if _, err := c.Dial("tcp", "n9:9092"); !errors.As(err, &unknown) || !unknown.IsNotFound || unknown.Name != "n9" {
			t.Errorf("an unknown host: %v", err)
		}
		if _, err := c.Dial("udp", "n1:9092"); !errors.As(err, new(net.UnknownNetworkError)) {
			t.Errorf("udp: %v", err)
		}
		if _, err := c.Kill("n2"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Dial("tcp", "n2:9092"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("a dead broker: %v", err)
		}
		strike(t, c, "cut app | n3 for 60s")
		begun := c.Now()
		ctx, cancel := context.WithTimeout(c.Context(), 3*time.Second)
		defer cancel()
		var timeout net.Error
		if _, err := c.DialContext(ctx, "tcp", "n3:9092"); !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("a broker that is cut off: %v", err)
		}
		if took := c.Now() - begun; took != 3*time.Second {
			t.Errorf("the dial took %v, its context allows 3s", took)
		}
		if _, err := c.Dial("tcp", "n3:9092"); !errors.Is(err, syscall.ETIMEDOUT) {
			t.Errorf("a broker that is cut off, without a context: %v", err)
		}
		if err := c.Start("n2"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Kill("n7"); err == nil {
			t.Error("n7 could be killed")
		}
		if err := c.Strike("kill n1"); err == nil {
			t.Error("a fault without its end was taken")
		}
	})
}

func TestAConnectionEndsAsItsBrokerDoes(t *testing.T) {
	inBubble(t, func(t *testing.T, c *bubble.Cluster) {
		killed, stopped := dial(t, c, "n1:9092"), dial(t, c, "n2:9092")
		defer killed.Close()
		defer stopped.Close()
		if _, err := c.Kill("n1"); err != nil {
			t.Fatal(err)
		}
		if n, err := killed.Read(make([]byte, 1)); n != 0 || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read after kill: %d %v", n, err)
		}
		if _, err := killed.Write(apiVersions(1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("write after kill: %v", err)
		}
		if err := c.Start("n1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second) // an orderly stop wants a whole cluster
		strike(t, c, "stop n2 for 10s")
		if n, err := stopped.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("read after an orderly stop: %d %v", n, err)
		}
		if n, err := stopped.Write(apiVersions(1)); n != 14 || err != nil {
			t.Errorf("the first write after EOF goes out and is answered by a reset: %d %v", n, err)
		}
		if _, err := stopped.Write(apiVersions(1)); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("the second one: %v", err)
		}
	})
}

func TestWhatIsNoKafkaRequestBreaksTheConnection(t *testing.T) {
	inBubble(t, func(t *testing.T, c *bubble.Cluster) {
		conn := dial(t, c, "n1:9092")
		defer conn.Close()
		if _, err := conn.Write([]byte("GET / HTTP/1.1\r\n\r\n")); err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Error(err)
		}
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read: %v", err)
		}
	})
}

func TestDeadlinesPassAtTheirInstant(t *testing.T) {
	inBubble(t, func(t *testing.T, c *bubble.Cluster) {
		conn := dial(t, c, "n1:9092")
		defer conn.Close()
		begun := c.Now()
		if err := conn.SetReadDeadline(time.Now().Add(700 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: %v", err)
		}
		if took := c.Now() - begun; took != 700*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		go func() {
			time.Sleep(time.Second)
			_ = conn.SetReadDeadline(time.Now()) // wakes who reads already
		}()
		_ = conn.SetReadDeadline(time.Time{})
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || c.Now()-begun != 1700*time.Millisecond {
			t.Errorf("read: %v after %v", err, c.Now()-begun)
		}
		_ = conn.SetDeadline(time.Time{})
		if _, err := conn.Write(apiVersions(3)); err != nil {
			t.Fatal(err)
		}
		if got := answer(t, conn); got != 3 {
			t.Errorf("answer %d", got)
		}
	})
}

func TestWritersWaitWhileTheBrokerTakesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, c *bubble.Cluster) {
		conn := dial(t, c, "n1:9092")
		defer conn.Close()
		strike(t, c, "pause n1 for 20s")
		requests := 0
		_ = conn.SetWriteDeadline(time.Now().Add(5 * time.Second))
		for { // 14 bytes are 14 bytes to a socket; here each frame counts, too
			if _, err := conn.Write(apiVersions(int32(requests))); err != nil {
				if !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("write: %v", err)
				}
				break
			}
			requests++
		}
		if bytes := requests * 14; bytes < 1<<20 || bytes > 3<<20 {
			t.Errorf("%d bytes went into a connection whose broker reads nothing", bytes)
		}
		_ = conn.SetWriteDeadline(time.Time{})
		if _, err := conn.Write(apiVersions(int32(requests))); err != nil { // waits until the broker goes on
			t.Fatal(err)
		}
		if c.Now() < 20*time.Second {
			t.Errorf("there was room at %v already", c.Now())
		}
		for i := range requests + 1 {
			if got := answer(t, conn); got != int32(i) {
				t.Fatalf("answer %d, want %d", got, i)
			}
		}
	})
}

func TestAClosedConnectionIsClosed(t *testing.T) {
	inBubble(t, func(t *testing.T, c *bubble.Cluster) {
		conn := dial(t, c, "n1:9092")
		go func() {
			time.Sleep(time.Second)
			_ = conn.Close()
		}()
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read: %v", err)
		}
		if _, err := conn.Write(nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("write: %v", err)
		}
		if err := conn.SetDeadline(time.Now()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("deadline: %v", err)
		}
		if err := conn.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("close: %v", err)
		}
	})
}
