// The origin if nginx is not installed: the same responses, from node:http and node:http2.
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2'
import { answers, FORWARDED_SUFFIX, GRPC_MESSAGE, SMALL_ANSWER, TEXT_LENGTH, TEXT_PATH } from './origin.ts'
import { studentsOf } from './text.ts'

const [grpc, wide, ...narrow] = process.argv.slice(2).map(Number).reverse()
const piece = Buffer.alloc(256 * 1024)
const text = studentsOf(TEXT_LENGTH)
const lengths: Readonly<Record<string, number>> = answers

const server = () =>
  createServer({ keepAliveTimeout: 3_600_000, requestTimeout: 0 }, (request, response) => {
    const length = lengths[request.url!]
    response.setHeader('Content-Type', 'application/json')
    if (length !== undefined) return send(response.setHeader('Content-Length', length), length)
    if (request.url === TEXT_PATH) return response.setHeader('Content-Length', text.length).end(text)
    const answer = request.url!.endsWith(FORWARDED_SUFFIX) ? forwarded(request.headers) : SMALL_ANSWER
    request.resume().on('end', () => response.setHeader('Content-Length', Buffer.byteLength(answer)).end(answer))
  })

for (const port of narrow) server().listen(port, '127.0.0.1')
server().listen(wide)
createHttp2Server().on('stream', call).listen(grpc, '127.0.0.1')

function call(stream: ServerHttp2Stream): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
  stream.resume().on('end', () => stream.end(GRPC_MESSAGE))
}

function forwarded(headers: IncomingHttpHeaders): string {
  const names = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-request-id']
  return names.map((name) => headers[name] ?? '').join(' ')
}

function send(response: ServerResponse, length: number): void {
  if (length <= piece.length) {
    response.end(piece.subarray(0, length))
    return
  }
  if (response.write(piece)) setImmediate(send, response, length - piece.length)
  else response.once('drain', () => send(response, length - piece.length))
}
