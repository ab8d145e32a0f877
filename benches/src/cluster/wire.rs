//! Networks between machines.

/// A network between machines, each of which has a line of its own into it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wire {
    /// Its name.
    pub name: &'static str,
    /// From the end of sending to the end of receiving an empty message, in seconds.
    pub latency: f64,
    /// The bytes that a line carries in a second, each way.
    pub bandwidth: f64,
    /// The time that a process spends to hand over a message, in seconds.
    pub overhead: f64,
}

impl Wire {
    /// The networks of the model: boards with Ethernet of 1 Gb/s, machines with 25 Gb/s, InfiniBand HDR. The
    /// latencies are those of MPI over TCP, and over InfiniBand.
    pub const ALL: [Self; 3] = [
        Self { name: "1 Gb/s", latency: 50e-6, bandwidth: 117e6, overhead: 5e-6 },
        Self { name: "25 Gb/s", latency: 20e-6, bandwidth: 2.9e9, overhead: 3e-6 },
        Self { name: "InfiniBand", latency: 2e-6, bandwidth: 24e9, overhead: 0.5e-6 },
    ];

    /// The time that so many bytes are on the line, in seconds.
    pub fn time(&self, bytes: usize) -> f64 {
        bytes as f64 / self.bandwidth
    }
}
