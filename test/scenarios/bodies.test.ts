/** Bodies of any size, both ways, at flat memory. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { get, request as httpRequest, type OutgoingHttpHeaders } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, test } from 'node:test'
import { type Limpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin, type Origin } from '../support/origin.ts'
import { throughTo } from '../support/through.ts'

const MEGABYTE = 1024 * 1024
const chunk = Buffer.alloc(64 * 1024, 'x')

/** That many bytes, made as they are asked for. */
function* bytes(size: number) {
  for (let left = size; left > 0; left -= chunk.length) yield left < chunk.length ? chunk.subarray(0, left) : chunk
}

/** One worker, whose memory is measured, and one server. */
const oneServer = (origin: Origin) => `
  listeners: [{ address: 127.0.0.1, port: 0 }]
  workers: 1
  routes: [{ path: /*, upstream: app }]
  upstreams: { app: { servers: [${origin.address}] } }
`

/** The most memory that the process ever had, in MB. */
function peakMemory({ process }: Limpet): number {
  const status = readFileSync(`/proc/${process.pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)![1]) / 1024
}

/** By how much a large body may raise the peak that a smaller one left behind, in MB. */
const HEADROOM = 32

describe('a body of 1 GB takes no more memory than one of 100 MB', () => {
  const sizes = [100 * MEGABYTE, 1024 * MEGABYTE]

  for (const framing of ['length', 'chunks']) {
    const headers = (size: number) => (framing === 'length' ? { 'content-length': size } : {})

    test(`downloaded, framed by ${framing}`, async (t) => {
      let size = 0
      const origin = await httpOrigin(t, (_request, response) => {
        response.writeHead(200, headers(size))
        pipeline(Readable.from(bytes(size)), response).catch(() => {})
      })
      const limpet = await startLimpet(t, oneServer(origin))
      const peaks: number[] = []
      for (size of sizes) {
        let received = 0
        for await (const data of await download(limpet.url)) received += data.length
        assert.equal(received, size)
        peaks.push(peakMemory(limpet))
      }
      assert.ok(peaks[1]! - peaks[0]! < HEADROOM, `the peak went from ${peaks[0]} to ${peaks[1]} MB`)
    })

    test(`uploaded, framed by ${framing}`, async (t) => {
      const origin = await httpOrigin(t, (request, response) => {
        let received = 0
        request.on('data', (data: Buffer) => {
          received += data.length
        })
        request.on('end', () => response.end(String(received)))
      })
      const limpet = await startLimpet(t, oneServer(origin))
      const peaks: number[] = []
      for (const size of sizes) {
        assert.equal(await upload(limpet.url, size, headers(size)), String(size))
        peaks.push(peakMemory(limpet))
      }
      assert.ok(peaks[1]! - peaks[0]! < HEADROOM, `the peak went from ${peaks[0]} to ${peaks[1]} MB`)
    })
  }
})

function download(url: string): Promise<AsyncIterable<Buffer>> {
  return new Promise((resolve, reject) => {
    get(url, resolve).on('error', reject)
  })
}

function upload(url: string, size: number, headers: OutgoingHttpHeaders): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method: 'POST', headers }, (response) => {
      response.setEncoding('latin1').on('data', resolve)
    })
    pipeline(Readable.from(bytes(size)), request.on('error', reject)).catch(reject)
  })
}

test('a server gets only a few buffers ahead of a slow client', async (t) => {
  const size = 256 * MEGABYTE
  let sent = 0
  const origin = await httpOrigin(t, (_request, response) => {
    const source = Readable.from(bytes(size)).on('data', (data: Buffer) => {
      sent += data.length
    })
    pipeline(source, response).catch(() => {})
  })
  const limpet = await startLimpet(t, oneServer(origin))
  let received = 0
  let ahead = 0
  for await (const data of await download(limpet.url)) {
    received += data.length
    ahead = Math.max(ahead, sent - received)
    // Many turns of the loop for each piece: the server has all the time it wants.
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  }
  assert.equal(received, size)
  assert.ok(ahead < 24 * MEGABYTE, `the server was ${ahead} bytes ahead`)
})

test('the answer to HEAD keeps its length and has no body', async (t) => {
  const { origin, client } = await throughTo(t)
  for (let i = 0; i < 2; i++) {
    client.say('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n')
    await origin.request(/HEAD/)
    const head = 'HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Length: 1000\r\n\r\n'
    origin.say(head)
    assert.equal(await client.take(/\r\n\r\n/), head)
  }
})

test('chunks are passed on as they arrive, in both directions at once', async (t) => {
  const { origin, client } = await throughTo(t)
  client.say('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n')
  assert.match(await origin.request(/hello\r\n$/), /\r\nTransfer-Encoding: chunked\r\n[\s\S]*\r\n\r\n5\r\nhello\r\n$/)
  origin.say('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n')
  await client.take(/2\r\nhi\r\n$/)
  client.say('0\r\n\r\n')
  assert.equal(await origin.request(/0\r\n\r\n$/), '0\r\n\r\n')
  origin.say('0\r\n\r\n')
  await client.hear(/^0\r\n\r\n$/)
})

test('200 concurrent bodies do not mix', async (t) => {
  const origin = await httpOrigin(t, (request, response) => {
    request.pipe(response)
  })
  const limpet = await startLimpet(t, oneServer(origin))
  const echoes = Array.from({ length: 200 }, async (_, index) => {
    const body = String(index).repeat(1 + ((index * 997) % 40_000))
    const answer = await fetch(limpet.url, { method: 'POST', body })
    assert.equal(await answer.text(), body)
  })
  await Promise.all(echoes)
})
