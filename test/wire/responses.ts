/** One response in the bytes that a client received. */
export interface HeardResponse {
  readonly status: number
  readonly head: string
  readonly body: string
  /** False while it is incomplete. */
  readonly whole: boolean
}

/**
 * The responses in the bytes that a client received.
 *
 * @param methods the methods of the requests, in order
 * @param ended whether the connection has been closed
 */
export function responsesIn(text: string, methods: readonly string[], ended: boolean): HeardResponse[] {
  const responses: HeardResponse[] = []
  let answered = 0
  for (let at = 0; at < text.length; ) {
    const headEnd = text.indexOf('\r\n\r\n', at)
    const head = headEnd < 0 ? text.slice(at) : text.slice(at, headEnd + 4)
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1] ?? Number.NaN)
    if (headEnd < 0) return [...responses, { status, head, body: '', whole: false }]
    const bodiless = status < 200 || status === 204 || status === 304 || methods[answered] === 'HEAD'
    const { body, end, whole } = bodiless ? nothingAt(headEnd + 4) : bodyAt(text, headEnd + 4, head, ended)
    responses.push({ status, head, body, whole })
    if (!whole) return responses
    if (status >= 200) answered++
    at = end
  }
  return responses
}

const nothingAt = (end: number) => ({ body: '', end, whole: true })

function bodyAt(text: string, from: number, head: string, ended: boolean) {
  const length = /^Content-Length: (\d+)\r$/im.exec(head)
  if (length !== null) {
    const end = from + Number(length[1])
    return { body: text.slice(from, end), end, whole: end <= text.length }
  }
  if (!/^Transfer-Encoding: chunked\r$/im.test(head)) return { body: text.slice(from), end: text.length, whole: ended }
  let body = ''
  for (let at = from; ; ) {
    const size = /^([0-9a-f]+)\r\n/i.exec(text.slice(at))
    if (size === null) return { body, end: text.length, whole: false }
    const start = at + size[0].length
    const bytes = Number.parseInt(size[1]!, 16)
    if (bytes === 0) {
      const trailers = /^(?:[^\r\n]+\r\n)*\r\n/.exec(text.slice(start))
      return { body, end: trailers === null ? text.length : start + trailers[0].length, whole: trailers !== null }
    }
    body += text.slice(start, start + bytes)
    at = start + bytes + 2
    if (at > text.length) return { body, end: text.length, whole: false }
  }
}
