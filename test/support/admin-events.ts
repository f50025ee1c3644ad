import type { TestContext } from 'node:test'

/** Hears the data of each event of a stream of the admin API, until the test ends. */
export function adminEvents<Data>(test: TestContext, url: string, hear: (data: Data) => void) {
  const end = new AbortController()
  const opened = fetch(url, { signal: end.signal })
  const read = async ({ body }: Response) => {
    let rest = ''
    for await (const part of body!.pipeThrough(new TextDecoderStream())) {
      const messages = (rest + part).split('\n\n')
      rest = messages.pop()!
      for (const message of messages) {
        const data = /^data: (.*)$/m.exec(message)?.[1]
        if (data !== undefined) hear(JSON.parse(data))
      }
    }
  }
  // It ends with Limpet, too.
  const ended = opened.then(read).catch(() => {})
  test.after(() => {
    end.abort()
    return ended
  })
  return { opened }
}
