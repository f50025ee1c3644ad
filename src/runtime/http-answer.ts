import type { ClientRequest, IncomingMessage } from 'node:http'

/**
 * The head of the answer to a request that may be repeated: where the server closes an idle connection at the very moment at which the
 * request is sent on it, the request is sent again.
 *
 * @param begin makes the request, which is not sent before its end
 */
export async function answerTo(begin: () => ClientRequest, body?: string): Promise<IncomingMessage> {
  for (;;) {
    const request = begin()
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    request.on('response', resolve)
    request.on('error', reject)
    request.end(body)
    try {
      return await promise
    } catch (error) {
      const isStale = request.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET'
      if (!isStale) throw error
    }
  }
}

/**
 * The whole body of an answer.
 *
 * @throws Error where it has more bytes than that, or breaks off
 */
export async function bodyOf(answer: IncomingMessage, largest: number): Promise<string> {
  const bytes = await firstBytes(answer, largest + 1)
  if (bytes.length > largest) throw new Error(`its answer has more than ${largest} bytes`)
  return bytes.toString()
}

/** At least so many bytes of a body, or all of it; what follows is not read. */
export async function firstBytes(answer: IncomingMessage, enough: number): Promise<Buffer> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of answer) {
    pieces.push(piece)
    size += piece.length
    if (size >= enough) break
  }
  return Buffer.concat(pieces)
}
