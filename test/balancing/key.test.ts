import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { keyFor } from '../../src/balancing/key.ts'
import { RequestView } from '../../src/exchange/request-view.ts'
import { RequestHead } from '../../src/http1/request-head.ts'
import { parseIpAddress } from '../../src/runtime/ip-address.ts'
import type { HashKey } from '../../src/runtime/snapshot.ts'

const head = new RequestHead()
const subject = new RequestView(head)
subject.address = parseIpAddress('10.1.2.3')!
subject.path = '/a b'
const target = '/a%20b?id=7&ID=8&idx=9&user[id]=%41&flag&none='
head.parse(
  Buffer.from(
    `GET ${target} HTTP/1.1\r\nHost: a\r\nX-User: ann\xe9\r\nX-Empty:\r\n` +
      'Cookie: a=1; JSESSIONID=x=y ; jsessionid=lower;b=\r\nCookie: second=2\r\n\r\n',
    'latin1',
  ),
  0,
  { headSize: 1000, headers: 100 },
)

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
    assert.equal(keyOf({ from: 'uri' }), target)
    assert.equal(keyOf({ from: 'path' }), '/a b')
  })

  test('is the value of a header, byte by byte', () => {
    assert.equal(keyOf({ from: 'header', name: 'x-user' }), 'ann\xe9')
    assert.equal(keyFor({ type: 'hash', key: { from: 'header', name: 'x-user' } }, subject).length, 4)
  })

  test('is the value of a cookie of exactly that name', () => {
    assert.equal(keyOf({ from: 'cookie', name: 'JSESSIONID' }), 'x=y')
    assert.equal(keyOf({ from: 'cookie', name: 'jsessionid' }), 'lower')
    assert.equal(keyOf({ from: 'cookie', name: 'second' }), '2')
  })

  test('is the value of a parameter as it stands in the query', () => {
    assert.equal(keyOf({ from: 'query', name: 'id' }), '7')
    assert.equal(keyOf({ from: 'query', name: 'ID' }), '8')
    assert.equal(keyOf({ from: 'query', name: 'user[id]' }), '%41')
  })

  test('is a segment of the path where the pattern has a colon', () => {
    const at = (path: string, ...pattern: string[]) => {
      subject.path = path
      return keyOf({ from: 'segment', pattern })
    }
    assert.equal(at('/rooms/7/chat', 'rooms', ':'), '7')
    assert.equal(at('/acme/rooms/7', '*', 'rooms', ':'), '7')
    assert.equal(at('/acme/rooms/7', ':', 'rooms'), 'acme')
    for (const path of ['/rooms', '/rooms/', '/halls/7', '/']) assert.equal(at(path, 'rooms', ':'), '')
    subject.path = '/a b'
  })

  test('is empty where the request has no such thing, or nothing in it', () => {
    for (const name of ['x-none', 'x-empty']) assert.equal(keyOf({ from: 'header', name }), '')
    for (const name of ['c', 'b', 'SESSIONID']) assert.equal(keyOf({ from: 'cookie', name }), '')
    for (const name of ['i', 'flag', 'none', 'a']) assert.equal(keyOf({ from: 'query', name }), '')
  })
})
