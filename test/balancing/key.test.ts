import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type KeySubject, keyFor } from '../../src/balancing/key.ts'
import type { HashKey } from '../../src/snapshot.ts'

const headers: Record<string, string> = {
  'x-user': 'ann\xe9',
  'x-empty': '',
  cookie: 'a=1; JSESSIONID=x=y ; jsessionid=lower;b=',
}
const subject: KeySubject = {
  address: { text: '10.1.2.3', octets: Uint8Array.of(10, 1, 2, 3) },
  uri: '/a%20b?id=7&ID=8&idx=9&user[id]=%41&flag&none=',
  path: '/a b',
  header: (name) => headers[name],
}

function keyOf(key: HashKey): string {
  return Buffer.from(keyFor({ type: 'hash', key }, subject)).toString('latin1')
}

describe('the key of a request', () => {
  test('is nothing for a policy without keys, and the octets of the address for ip-hash', () => {
    assert.equal(keyFor({ type: 'round-robin' }, subject).length, 0)
    assert.deepEqual(keyFor({ type: 'ip-hash' }, subject), subject.address.octets)
  })

  test('is what nginx calls $remote_addr, $request_uri and $uri', () => {
    assert.equal(keyOf({ from: 'address' }), '10.1.2.3')
    assert.equal(keyOf({ from: 'uri' }), subject.uri)
    assert.equal(keyOf({ from: 'path' }), '/a b')
  })

  test('is the value of a header, byte by byte', () => {
    assert.equal(keyOf({ from: 'header', name: 'x-user' }), 'ann\xe9')
    assert.equal(keyFor({ type: 'hash', key: { from: 'header', name: 'x-user' } }, subject).length, 4)
  })

  test('is the value of a cookie of exactly that name', () => {
    assert.equal(keyOf({ from: 'cookie', name: 'JSESSIONID' }), 'x=y')
    assert.equal(keyOf({ from: 'cookie', name: 'jsessionid' }), 'lower')
  })

  test('is the value of a parameter as it stands in the query', () => {
    assert.equal(keyOf({ from: 'query', name: 'id' }), '7')
    assert.equal(keyOf({ from: 'query', name: 'ID' }), '8')
    assert.equal(keyOf({ from: 'query', name: 'user[id]' }), '%41')
  })

  test('is empty where the request has no such thing, or nothing in it', () => {
    for (const name of ['x-none', 'x-empty']) assert.equal(keyOf({ from: 'header', name }), '')
    for (const name of ['c', 'b', 'SESSIONID']) assert.equal(keyOf({ from: 'cookie', name }), '')
    for (const name of ['i', 'flag', 'none', 'a']) assert.equal(keyOf({ from: 'query', name }), '')
  })
})
