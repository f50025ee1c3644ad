import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redirectOf } from '../../src/routing/folder.ts'
import { parametersOf } from '../../src/routing/parameters.ts'

const at = (path: string, host?: string) => ({ path, upstream: 0, ...(host !== undefined && { host }) })

test('segments have the names of their parameters', () => {
  assert.deepEqual(parametersOf(at('/rooms/:room/seats/:seat'), '/rooms/blue/seats/7'), { room: 'blue', seat: '7' })
  assert.deepEqual(parametersOf(at('/:a/x*'), '/b/xyz/c'), { a: 'b' })
  assert.deepEqual(
    parametersOf(at('/:__proto__/:constructor'), '/a/b'),
    JSON.parse('{"__proto__":"a","constructor":"b"}'),
  )
})

test('groups have numbers and names, those of the path before those of the host', () => {
  const route = at('~ ^/(?<page>[a-z]+)(?:/(\\d+))?$', '~ ^(?<tenant>[a-z]+)\\.(org|com)$')
  assert.deepEqual(parametersOf(route, '/news/7', 'blue.com'), { tenant: 'blue', page: 'news', 1: 'news', 2: '7' })
  assert.deepEqual(parametersOf(route, '/news', 'red.org'), { tenant: 'red', page: 'news', 1: 'news', 2: '' })
  assert.deepEqual(parametersOf(at('/*', '~ ^(\\w+)'), '/x', 'red.org'), { 1: 'red' })
})

test('values are bytes, one character each, as the path has them', () => {
  const bytes = Buffer.from('é\r\n').toString('latin1')
  assert.deepEqual(parametersOf(at('/:name'), `/${bytes}`), { name: bytes })
})

test('plain routes have none, and share the answer', () => {
  assert.equal(parametersOf(at('/a/*'), '/a/b'), parametersOf(at('/b', 'example.org'), '/b'))
  assert.deepEqual(parametersOf(at('~ ^/a'), '/a'), {})
})

test('a redirect to a folder has what the request has in place of parameters, escaped', () => {
  assert.equal(redirectOf({ ...at('/caf\xc3\xa9'), redirect: '/caf%C3%A9/' }, '/caf\xc3\xa9'), '/caf%C3%A9/')
  const route = { ...at('/:room'), redirect: '/:room/' }
  assert.equal(redirectOf(route, '/a b?#%\r\n\xff'), '/a%20b%3F%23%25%0D%0A%FF/')
  assert.equal(redirectOf(at('/:room'), '/a'), undefined)
})
