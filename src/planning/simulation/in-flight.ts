/** Something that ends at a time. */
export interface Ending {
  readonly at: number
  end(): void
}

/** What is in flight, the first to end in front: a binary heap. */
export class InFlight {
  readonly #heap: Ending[] = []

  add(ending: Ending): void {
    const heap = this.#heap
    let index = heap.push(ending) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (heap[parent]!.at <= ending.at) break
      heap[index] = heap[parent]!
      index = parent
    }
    heap[index] = ending
  }

  /**
   * Ends all that end by then, in that order.
   *
   * @param setTime is called before each with its time
   */
  endUntil(time: number, setTime: (at: number) => void): void {
    for (let first = this.#heap[0]; first !== undefined && first.at <= time; first = this.#heap[0]) {
      this.#removeFirst()
      setTime(first.at)
      first.end()
    }
  }

  #removeFirst(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let index = 0
    for (let child = 1; child < heap.length; child = 2 * index + 1) {
      if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child++
      if (heap[child]!.at >= last.at) break
      heap[index] = heap[child]!
      index = child
    }
    heap[index] = last
  }
}
