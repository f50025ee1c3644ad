/** What one server gets in a simulation. */
export class ServerLoad {
  requests = 0
  /** The most requests within a second. */
  peak = 0
  /** The most requests in flight. */
  mostInFlight = 0
  #second = 0
  #inSecond = 0

  /** @param time in ms; never less than before */
  count(time: number, inFlight: number): void {
    const second = Math.floor(time / 1000)
    if (second !== this.#second) this.#inSecond = 0
    this.#second = second
    this.#inSecond++
    this.requests++
    this.peak = Math.max(this.peak, this.#inSecond)
    this.mostInFlight = Math.max(this.mostInFlight, inFlight)
  }
}
