import type { TestContext } from 'node:test'
import type { Traffic } from '../../src/admin/traffic.ts'

/** The seconds of traffic that the admin API reports, as they come. */
export class Seconds {
  readonly all: Traffic[] = []
  readonly #waiting: (() => void)[] = []

  static async follow(test: TestContext, admin: string, query = ''): Promise<Seconds> {
    const seconds = new Seconds()
    const ended = new AbortController()
    const response = await fetch(`${admin}/v1/traffic/stream${query}`, { signal: ended.signal })
    const read = seconds.#read(response.body!).catch(() => {})
    test.after(async () => {
      ended.abort()
      await read
    })
    return seconds
  }

  /** Resolves with the next one. */
  async next(): Promise<Traffic> {
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
    return this.all.at(-1)!
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    let rest = ''
    for await (const part of body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)) {
      const messages = (rest + part).split('\n\n')
      rest = messages.pop()!
      for (const message of messages) {
        const data = /^data: (.*)$/m.exec(message)?.[1]
        if (data === undefined) continue
        this.all.push(JSON.parse(data) as Traffic)
        for (const resolve of this.#waiting.splice(0)) resolve()
      }
    }
  }
}

/** Whether a number that was drawn with three significant digits is that one. */
export function isDrawn(text: string, value: number | null): boolean {
  if (value === null) return text === '–'
  const drawn = Number(text.replace('< ', '').replaceAll(',', ''))
  return Math.abs(drawn - value) <= Math.max(0.005, value * 0.005)
}
