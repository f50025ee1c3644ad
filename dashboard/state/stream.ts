import { type ApiError, errorOf } from './api.ts'

/** One message of an event stream. */
export interface Message {
  readonly id: string
  readonly type: string
  readonly data: string
}

export interface StreamOptions {
  /** The path with its query, asked for again each time the stream is opened. */
  readonly path: () => string
  readonly heard: (message: Message) => void
  readonly opened?: () => void
  /** It ended, or could not be opened. It is opened again, unless the caller closes it. */
  readonly lost?: (why: ApiError | undefined) => void
  /** The id of the event after which it begins; absent: it begins with the next one. */
  readonly after?: string
  /** After how long without a byte the connection counts as lost, in ms. */
  readonly silence: number
}

/** How long to wait before a stream is opened again, in ms: at first, and at most. */
const FIRST_WAIT = 500
const LONGEST_WAIT = 5000

/**
 * A stream of server-sent events that is opened again whenever it ends. EventSource does not say why it failed, and
 * notices a connection that died silently only after minutes; this asks with fetch and watches the time between bytes.
 */
export class Stream {
  readonly #options: StreamOptions
  #attempt: AbortController | undefined
  #again: ReturnType<typeof setTimeout> | undefined
  #watchdog: ReturnType<typeof setTimeout> | undefined
  #wait = FIRST_WAIT
  #lastId: string

  constructor(options: StreamOptions) {
    this.#options = options
    this.#lastId = options.after ?? ''
  }

  /** Opens it, or opens it again at once. */
  open(): void {
    this.close()
    const attempt = new AbortController()
    this.#attempt = attempt
    this.#run(attempt).then(
      () => this.#lost(attempt, undefined),
      (error) => this.#lost(attempt, error as ApiError),
    )
  }

  close(): void {
    clearTimeout(this.#again)
    clearTimeout(this.#watchdog)
    this.#attempt?.abort()
    this.#attempt = undefined
  }

  async #run(attempt: AbortController): Promise<void> {
    this.#watch(attempt)
    const response = await fetch(this.#options.path().slice(1), {
      headers: { Accept: 'text/event-stream', ...(this.#lastId !== '' && { 'Last-Event-ID': this.#lastId }) },
      signal: attempt.signal,
    })
    if (!response.ok || response.body === null) throw await errorOf(response)
    this.#wait = FIRST_WAIT
    this.#options.opened?.()
    let rest = ''
    for await (const part of textOf(response.body)) {
      if (attempt.signal.aborted) return
      this.#watch(attempt)
      const messages = (rest + part).split('\n\n')
      rest = messages.pop()!
      for (const message of messages) this.#hear(message)
    }
  }

  #watch(attempt: AbortController): void {
    clearTimeout(this.#watchdog)
    this.#watchdog = setTimeout(() => attempt.abort(), this.#options.silence)
  }

  /** WHATWG HTML, 9.2.6. */
  #hear(text: string): void {
    let type = 'message'
    const data: string[] = []
    for (const line of text.split('\n')) {
      const colon = line.indexOf(':')
      if (colon <= 0) continue
      const value = line.slice(colon + 1).replace(/^ /, '')
      const field = line.slice(0, colon)
      if (field === 'event') type = value
      else if (field === 'data') data.push(value)
      else if (field === 'id') this.#lastId = value
    }
    if (data.length > 0) this.#options.heard({ id: this.#lastId, type, data: data.join('\n') })
  }

  #lost(attempt: AbortController, why: ApiError | undefined): void {
    if (attempt !== this.#attempt) return
    this.close()
    this.#options.lost?.(why !== undefined && 'status' in why ? why : undefined)
    this.#again = setTimeout(() => this.open(), this.#wait)
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT)
  }
}

async function* textOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    // It may have failed already.
    reader.cancel().catch(() => {})
  }
}
