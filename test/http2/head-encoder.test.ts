import { deepEqual } from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readTrailers } from '../../src/http1/trailers.ts'
import { HeadEncoder } from '../../src/http2/heads/head-encoder.ts'
import { HpackDecoder } from '../../src/http2/hpack/decoder.ts'
import { Scratch } from '../../src/transport/scratch.ts'
import { decodeBlock } from './field-blocks.ts'

/** The fields of the block that `write` writes, for each of two times: the second one finds more in the table. */
function twice(encoder: HeadEncoder, write: (encoder: HeadEncoder, out: Scratch) => void): string[] {
  const decoder = new HpackDecoder()
  const times = [1, 2, 3].map(() => {
    const out = new Scratch()
    write(encoder, out)
    return decodeBlock(decoder, out.bytes.subarray(0, out.length))
  })
  deepEqual(times[1], times[0])
  deepEqual(times[2], times[0])
  return times[0]!
}

const response = (head: string) =>
  twice(new HeadEncoder('server'), (encoder, out) => {
    // What stands before it and after it is none of its business.
    const bytes = Buffer.from(`x: y\r\n${head}z: z\r\n`, 'latin1')
    encoder.response(out, bytes, 6, bytes.length - 6)
  })

const request = (head: string, isSecure = false) =>
  twice(new HeadEncoder('client'), (encoder, out) => {
    const bytes = Buffer.from(`host: other\r\n${head}host: other\r\n`, 'latin1')
    encoder.request(out, bytes, 13, bytes.length - 13, isSecure)
  })

describe('a head of HTTP/1.1 becomes a field block', () => {
  test('with its status first, whether the static table has it or not', () => {
    for (const status of ['100', '200', '204', '206', '302', '304', '400', '404', '500', '599', '999'])
      deepEqual(response(`HTTP/1.1 ${status} Reason\r\nServer: x\r\n\r\n`), [`:status: ${status}`, 'server: x'])
    deepEqual(response('HTTP/1.1 200 \r\n\r\n'), [':status: 200'])
  })

  test('with names in small letters, and values without the white space around them', () => {
    deepEqual(response('HTTP/1.1 200 OK\r\nX-A:b\r\nX-C: \t D \t\r\nX-E:\r\nX-F: g: h\r\n\r\n'), [
      ':status: 200',
      'x-a: b',
      'x-c: D',
      'x-e: ',
      'x-f: g: h',
    ])
  })

  test('without the fields of a connection of HTTP/1.1 (RFC 9113 §8.2.2)', () => {
    const hop =
      'Connection: close, x\r\nKeep-Alive: timeout=5\r\nProxy-Connection: close\r\nTransfer-Encoding: chunked\r\nUpgrade: h2c\r\n'
    deepEqual(response(`HTTP/1.1 200 OK\r\n${hop}Vary: a\r\n\r\n`), [':status: 200', 'vary: a'])
    const fields = request(`GET / HTTP/1.1\r\nHost: a\r\n${hop}Accept: b\r\n\r\n`)
    deepEqual(fields.slice(4), ['accept: b'])
  })

  test('a 101 as a 200, without the key that HTTP/2 has none of (RFC 8441 §5)', () => {
    const head =
      'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: a\r\nSec-WebSocket-Key: b\r\nSec-WebSocket-Protocol: chat\r\n\r\n'
    deepEqual(response(head), [':status: 200', 'sec-websocket-protocol: chat'])
    deepEqual(response('HTTP/1.1 200 OK\r\nSec-WebSocket-Accept: a\r\n\r\n'), [
      ':status: 200',
      'sec-websocket-accept: a',
    ])
  })

  test('an extended CONNECT without a key, and any other request with it', () => {
    const proof = 'Sec-WebSocket-Key: a\r\nSec-WebSocket-Accept: b\r\n'
    const fields = (method: string) => request(`${method} / HTTP/1.1\r\nHost: a\r\n${proof}X: y\r\n\r\n`)
    deepEqual(fields('CONNECT').slice(-2), [':path: /', 'x: y'])
    deepEqual(fields('GET').slice(-3), ['sec-websocket-key: a', 'sec-websocket-accept: b', 'x: y'])
  })

  test('with the pseudo-fields of a request first, of which Host is one', () => {
    deepEqual(request('GET / HTTP/1.1\r\nAccept: a\r\nHOST:  a.example:80\r\nCookie: b=c\r\n\r\n'), [
      ':method: GET',
      ':scheme: http',
      ':authority: a.example:80',
      ':path: /',
      'accept: a',
      'cookie: b=c',
    ])
    deepEqual(request('PATCH /a?b HTTP/1.1\r\nhost: a\r\n\r\n', true), [
      ':method: PATCH',
      ':scheme: https',
      ':authority: a',
      ':path: /a?b',
    ])
    deepEqual(request('OPTIONS * HTTP/1.1\r\nX-Host: a\r\n\r\n'), [
      ':method: OPTIONS',
      ':scheme: http',
      ':path: *',
      'x-host: a',
    ])
  })

  test('with TE only where it asks for trailers', () => {
    const te = (value: string) => request(`POST / HTTP/1.1\r\nHost: a\r\nTE: ${value}\r\n\r\n`).slice(4)
    deepEqual(te('Trailers'), ['te: Trailers'])
    deepEqual(te('trailers, gzip'), [])
    deepEqual(te('gzip'), [])
  })

  test('as trailers, of a head without a first line', () => {
    const lines = Buffer.from('Grpc-Status: 0\r\ngrpc-message: a\r\nConnection: x\r\n\r\n')
    deepEqual(
      twice(new HeadEncoder('server'), (encoder, out) => encoder.trailers(out, readTrailers(lines))),
      ['grpc-status: 0', 'grpc-message: a'],
    )
  })
})
