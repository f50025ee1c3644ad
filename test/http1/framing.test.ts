import assert from 'node:assert/strict'
import { test } from 'node:test'
import { framingOfRequest } from '../../src/http1/framing.ts'
import { RequestHead } from '../../src/http1/request-head.ts'

for (const [value, fault] of [
  ['gzip;a="b,c", chunked', 'not-implemented'],
  ['gzip;a="b\\",c", chunked', 'not-implemented'],
  ['gzip;a="b, chunked', 'bad-request'],
] as const) {
  test(`a comma in quotes ends no member of Transfer-Encoding: ${value}`, () => {
    const head = new RequestHead()
    const bytes = Buffer.from(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ${value}\r\n\r\n`)
    assert.ok(head.parse(bytes, 0, { headSize: 8192, headers: 100 }))
    assert.throws(() => framingOfRequest(head), { name: 'MessageError', fault })
  })
}
