import type { SampledRequest } from '../../worker/messages.ts'

/** How many requests are kept at most, how many bytes of heads, and for how long, in ms. */
const MOST = 2000
const MOST_BYTES = 4 * 1024 * 1024
const LONGEST = 15 * 60_000

/** What a request was like that somebody was shown, for when they ask about it. */
export type ShownRequest = Pick<
  SampledRequest,
  'method' | 'host' | 'target' | 'isMasked' | 'client' | 'isSecure' | 'certificate' | 'head'
>

/** The last requests that somebody was shown, by their ids. Their heads have cookies and keys in them. */
export class ShownRequests {
  /** Oldest first. */
  readonly #requests = new Map<string, ShownRequest & { readonly at: number }>()
  #bytes = 0
  #timer: NodeJS.Timeout | undefined

  get(id: string): ShownRequest | undefined {
    return this.#requests.get(id)
  }

  /** One that has the id of another takes its place: clients may choose them. */
  add(request: SampledRequest): void {
    this.#remove(request.id)
    this.#requests.set(request.id, { ...request, at: performance.now() })
    this.#bytes += request.head?.length ?? 0
    for (const oldest of this.#requests.keys()) {
      if (this.#requests.size <= MOST && this.#bytes <= MOST_BYTES) break
      this.#remove(oldest)
    }
    this.#timer ??= setInterval(() => this.#forgetOld(), LONGEST / 15).unref()
  }

  clear(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#requests.clear()
    this.#bytes = 0
  }

  #forgetOld(): void {
    const before = performance.now() - LONGEST
    for (const [id, { at }] of this.#requests) {
      if (at > before) return
      this.#remove(id)
    }
    this.clear()
  }

  #remove(id: string): void {
    this.#bytes -= this.#requests.get(id)?.head?.length ?? 0
    this.#requests.delete(id)
  }
}
