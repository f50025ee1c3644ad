import { EventEmitter, once } from 'node:events'
import { request } from 'node:http'
import type { TestContext } from 'node:test'

/** An event of a stream, without its data parsed into any type. */
export interface StreamedEvent {
  readonly type: string
  // biome-ignore lint/suspicious/noExplicitAny: the test checks the shape.
  readonly data: any
}

/** A stream of server-sent events of the admin API, as a program reads it. */
export class AdminStream {
  readonly events: StreamedEvent[] = []
  /** All that was heard, to look for what must not be there. */
  heard = ''
  /** Resolves once it has ended, to whether it did so whole. */
  readonly ended: Promise<boolean>
  readonly #arrivals = new EventEmitter()

  private constructor(response: NodeJS.ReadableStream & { readonly complete: boolean }) {
    let rest = ''
    response.setEncoding('utf8')
    response.on('data', (text: string) => {
      this.heard += text
      const parts = (rest + text).split('\n\n')
      rest = parts.pop()!
      this.events.push(...parts.flatMap(eventIn))
      this.#arrivals.emit('events')
    })
    this.ended = new Promise((resolve) => {
      response.on('close', () => resolve(response.complete)).on('error', () => {})
    })
  }

  /** Resolves once the stream has begun; rejects if it was refused. It ends with the test. */
  static async open(test: Pick<TestContext, 'after'>, url: string): Promise<AdminStream> {
    const asked = request(url, { agent: false }).end()
    test.after(() => asked.destroy())
    const [response] = await once(asked, 'response')
    asked.on('error', () => {})
    if (response.statusCode !== 200) throw new Error(`the stream was refused with ${response.statusCode}`)
    return new AdminStream(response)
  }

  /** The data of all events so far. */
  get all(): readonly StreamedEvent['data'][] {
    return this.events.map(({ data }) => data)
  }

  /** Resolves once that is true of the data of all events. */
  async until(condition: (all: readonly StreamedEvent['data'][]) => boolean): Promise<void> {
    while (!condition(this.all)) await once(this.#arrivals, 'events')
  }
}

function eventIn(text: string): StreamedEvent[] {
  const [, type, data] = /^event: (\S+)\ndata: (.*)$/m.exec(text) ?? []
  return type === undefined ? [] : [{ type, data: JSON.parse(data!) }]
}
