import { ok } from 'node:assert/strict'
import { ChunkedBody } from '../../src/http1/chunked-body.ts'
import { CHUNKED, framingOfResponse } from '../../src/http1/framing.ts'
import type { HeadLimits } from '../../src/http1/head.ts'
import { MessageError } from '../../src/http1/message-error.ts'
import { ResponseHead } from '../../src/http1/response-head.ts'

/** Reads a server's bytes, in one piece or split at the given offsets: interim heads, the final head, and its framing. */
export function readResponses(bytes: Buffer, limits: HeadLimits, cuts: readonly number[] = []) {
  const head = new ResponseHead()
  const heads: { status: number; minorVersion: number; fields: string[]; end: number }[] = []
  let start = 0
  try {
    for (const arrived of [...cuts, bytes.length]) {
      while (arrived > start && head.parse(Buffer.from(bytes.subarray(0, arrived)), start, limits)) {
        ok(head.end > start && head.end <= arrived)
        start = head.end
        const { status, minorVersion, end } = head
        heads.push({ status, minorVersion, end, fields: Array.from({ length: head.count }, (_, i) => head.value(i)) })
        const framing = framingOfResponse(head, false)
        if (framing === CHUNKED) return { heads, framing, ...readChunks(bytes, start, limits, cuts) }
        if (status >= 200) return { heads, framing }
      }
    }
  } catch (error) {
    if (!(error instanceof MessageError)) throw error
    return { heads, fault: error.message }
  }
  return { heads }
}

function readChunks(bytes: Buffer, from: number, limits: HeadLimits, cuts: readonly number[]) {
  const body = new ChunkedBody(false, limits, 'server')
  let at = from
  let data = ''
  try {
    for (const arrived of [...cuts, bytes.length]) {
      if (body.done || arrived <= at) continue
      const segment = Buffer.from(bytes.subarray(at, arrived))
      at += body.read(segment, 0, {
        bodyBytes(bytes, from, to) {
          ok(from < to && to <= bytes.length)
          data += bytes.toString('latin1', from, to)
        },
      })
      // Other connections may read into the same memory next.
      segment.fill('?')
    }
  } catch (error) {
    if (!(error instanceof MessageError)) throw error
    return { fault: error.message }
  }
  return { data, at, done: body.done }
}
