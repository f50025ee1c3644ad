import type { Head } from '../http1/head.ts'
import { readTrailers } from '../http1/trailers.ts'
import type { Failure } from './failure.ts'
import { grpcStatuses } from './grpc-status.ts'
import type { OwnResponse } from './own-response.ts'

/** An answer to a call that is nothing but the status that its failure means: trailers only, in gRPC's words. */
export function failedCall(failure: Failure, requestId: string, fields: string): OwnResponse {
  const lines = ['Content-Type: application/grpc', ...statusLines(failure)]
  const isLast = failure.code === 'bad-request'
  return { status: 200, requestId, lines, fields, body: Buffer.alloc(0), isToHead: false, isLast }
}

/** The trailers that end a call whose answer has begun. */
export function trailersOfFailure(failure: Failure): Head {
  return readTrailers(Buffer.from(`${statusLines(failure).join('\r\n')}\r\n\r\n`, 'latin1'))
}

function statusLines(failure: Failure): readonly string[] {
  return [`grpc-status: ${grpcStatuses[failure.code]}`, `grpc-message: ${percentEncoded(failure.text)}`]
}

/** A text as gRPC writes it in `grpc-message`: UTF-8, with escapes for whatever is not visible ASCII. */
function percentEncoded(text: string): string {
  let encoded = ''
  for (const byte of Buffer.from(text)) {
    const isPlain = byte >= 0x20 && byte < 0x7f && byte !== 0x25
    encoded += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return encoded
}
