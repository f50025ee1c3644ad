import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BodyTap } from '../../src/exchange/body-tap.ts'
import { CHUNKED } from '../../src/http1/framing.ts'

test('the chunks of one read are shown as one piece', () => {
  const shown: string[] = []
  const reader = { most: 8, read: (bytes: Buffer) => shown.push(bytes.toString()) > 0, end: () => shown.push('end') }
  const tap = new BodyTap(reader, CHUNKED, { headSize: 8192, headers: 100 })
  assert.equal(tap.see(Buffer.from('1\r\na\r\n1\r\nb\r\n2\r\nc')), true)
  assert.equal(tap.see(Buffer.from('d\r\nA\r\n0123456789\r\n0\r\n\r\n')), false)
  assert.deepEqual(shown, ['abc', 'd0123456', 'end'])
})
