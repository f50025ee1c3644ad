import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import { Failure } from '../../src/exchange/failure.ts'
import { isGrpcCall, timeoutOfCall } from '../../src/exchange/grpc-call.ts'
import { failedCall, trailersOfFailure } from '../../src/exchange/grpc-failure.ts'
import { GrpcStatus, grpcStatuses, grpcStatusIn, isBadAnswer } from '../../src/exchange/grpc-status.ts'
import { RequestHead } from '../../src/http1/request-head.ts'
import { readTrailers } from '../../src/http1/trailers.ts'
import { type FailureCode, failureCodes } from '../../src/runtime/failure-code.ts'

function headWith(lines: string, method = 'POST'): RequestHead {
  const head = new RequestHead()
  const bytes = Buffer.from(`${method} /a.B/C HTTP/1.1\r\nHost: a\r\n${lines}\r\n`, 'latin1')
  assert.ok(head.parse(bytes, 0, { headSize: 32_000, headers: 100 }))
  return head
}

describe('a failure, told to a client of gRPC', () => {
  test('has a status in gRPC, and docs/grpc.md says which', async () => {
    const page = await readFile(new URL('../../docs/grpc.md', import.meta.url), 'utf8')
    const documented = [...page.matchAll(/^\| (\d+) [A-Z_]+ \| (.*) \|$/gm)].flatMap(([, status, codes]) =>
      codes!.split(' ').map((code) => [code.replaceAll('`', ''), Number(status)] as const),
    )
    const expected = failureCodes.map((code) => [code, grpcStatuses[code]] as const)
    const byCode = ([one]: readonly [string, number], [other]: readonly [string, number]) => (one < other ? -1 : 1)
    assert.deepEqual([...documented].sort(byCode), [...expected].sort(byCode))
  })

  for (const code of failureCodes) {
    test(`is an answer of nothing but trailers: ${code}`, () => {
      const failure = new Failure(code, 'wörse: 5%\r\nx: y')
      const answer = failedCall(failure, 'id', '')
      const lines = readTrailers(Buffer.from(`${answer.lines.join('\r\n')}\r\n\r\n`, 'latin1'))
      assert.deepEqual([answer.status, answer.body.length, answer.isLast], [200, 0, code === 'bad-request'])
      assert.equal(lines.value(lines.findNamed('content-type')), 'application/grpc')
      assert.equal(grpcStatusIn(lines), grpcStatuses[code])
      const message = lines.value(lines.findNamed('grpc-message'))
      assert.equal(decodeURIComponent(message), failure.text)
      assert.match(message, /^[ -$&-~]*(%[0-9A-F]{2}[ -$&-~]*)*$/)
      assert.equal(lines.count, 3)
    })

    test(`ends an answer that has begun: ${code}`, () => {
      const trailers = trailersOfFailure(new Failure(code))
      assert.equal(grpcStatusIn(trailers), grpcStatuses[code])
      assert.equal(trailers.count, 2)
    })
  }

  test('asks to try again only where another try makes sense', () => {
    const mayHaveWorked: readonly FailureCode[] = ['response-timeout', 'response-malformed', 'call-timeout']
    for (const code of mayHaveWorked) assert.notEqual(grpcStatuses[code], GrpcStatus.Unavailable, code)
  })
})

describe('a call of gRPC', () => {
  const types: Readonly<Record<string, boolean>> = {
    'application/grpc': true,
    'application/grpc+proto': true,
    'application/grpc+json': true,
    'application/grpc;charset=utf-8': true,
    'application/grpc ; x=1': true,
    'Application/GRPC': true,
    'application/grpc-web': false,
    'application/grpc-web+proto': false,
    'application/grpc-web-text': false,
    'application/grpcs': false,
    'application/grp': false,
    'application/json': false,
    '': false,
  }
  for (const [type, isCall] of Object.entries(types)) {
    test(`${isCall ? 'has' : 'does not have'} the type "${type}"`, () => {
      assert.equal(isGrpcCall(headWith(`Content-Type: ${type}\r\n`)), isCall)
    })
  }

  test('is a POST, and has a type', () => {
    assert.equal(isGrpcCall(headWith('Content-Type: application/grpc\r\n', 'GET')), false)
    assert.equal(isGrpcCall(headWith('X: application/grpc\r\n')), false)
  })

  const timeouts: Readonly<Record<string, number | undefined>> = {
    '1H': 3_600_000,
    '2M': 120_000,
    '10S': 10_000,
    '250m': 250,
    '500u': 0.5,
    '1000000n': 1,
    '0S': 0,
    '99999999H': 99_999_999 * 3_600_000,
    '100000000S': undefined,
    S: undefined,
    '1': undefined,
    '1s': undefined,
    '-1S': undefined,
    '1.5S': undefined,
    '1 S': undefined,
    '': undefined,
  }
  for (const [text, ms] of Object.entries(timeouts)) {
    test(`with the timeout "${text}" is waited for ${ms === undefined ? 'without end' : `${ms} ms`}`, () => {
      assert.equal(timeoutOfCall(headWith(`grpc-timeout: ${text}\r\n`)), ms)
    })
  }

  test('without a timeout is waited for without end', () => {
    assert.equal(timeoutOfCall(headWith('')), undefined)
  })
})

describe('the status of a call', () => {
  const statuses: Readonly<Record<string, number | undefined>> = {
    'grpc-status: 0': 0,
    'Grpc-Status: 14': 14,
    'grpc-status:': undefined,
    'grpc-status: x': undefined,
    'grpc-status: 100': undefined,
    'grpc-message: 1': undefined,
  }
  for (const [line, status] of Object.entries(statuses)) {
    test(`in "${line}" is ${status}`, () => {
      assert.equal(grpcStatusIn(readTrailers(Buffer.from(`${line}\r\n\r\n`))), status)
    })
  }

  test('says something against a server where Envoy takes it for a 5xx', () => {
    const bad = Array.from({ length: 17 }, (_, status) => status).filter(isBadAnswer)
    assert.deepEqual(bad, [2, 4, 12, 13, 14, 15])
  })
})
