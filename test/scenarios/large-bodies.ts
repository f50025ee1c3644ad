/** Large bodies, both ways, at flat memory. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { get, request as httpRequest, type OutgoingHttpHeaders } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, test } from 'node:test'
import { type Limpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin, type Origin } from '../support/origin.ts'

export const MEGABYTE = 1024 * 1024
const chunk = Buffer.alloc(64 * 1024, 'x')

/** That many bytes, made as they are asked for. */
export function* bytes(size: number) {
  for (let left = size; left > 0; left -= chunk.length) yield left < chunk.length ? chunk.subarray(0, left) : chunk
}

/** One worker, whose memory is measured, and one server. */
export const oneServer = (origin: Origin) => `
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

/** @param megabytes the size of the larger body */
export function describeLargeBodies(megabytes: number): void {
  describe(`a body of ${megabytes} MB takes no more memory than one of 100 MB`, () => {
    const sizes = [100 * MEGABYTE, megabytes * MEGABYTE]

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
}

export function download(url: string): Promise<AsyncIterable<Buffer>> {
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
