import assert from 'node:assert/strict'
import { test } from 'node:test'
import { normalisePath } from '../../src/routing/path.ts'
import fc from '../support/property.ts'

/** A simple reference implementation: decodes everything, then resolves segment by segment. */
function plainly(path: string): string | undefined {
  if (/%(?![0-9A-Fa-f]{2})|%00/.test(path)) return undefined
  const decoded = path.replaceAll(/%(..)/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
  const segments = decoded.split('/').slice(1)
  const kept: string[] = []
  for (const segment of segments) {
    if (/^\.{1,2};/.test(segment)) return undefined
    if (segment === '..' && kept.pop() === undefined) return undefined
    if (!['', '.', '..'].includes(segment)) kept.push(segment)
  }
  const isFolder = ['', '.', '..'].includes(segments.at(-1)!)
  return `/${kept.join('/')}${isFolder && kept.length > 0 ? '/' : ''}`
}

test('a path is decoded, and its dot segments are resolved', () => {
  const unit = fc.constantFrom(
    '/',
    '/',
    '.',
    '..',
    '%2e',
    '%2F',
    '%2f',
    'a',
    '%61',
    '%e9',
    '\xe9',
    '%25',
    '...',
    ';',
    '%',
    '%0',
    '%00',
    '%zz',
  )
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 12 }), (parts) => {
      const path = `/${parts.join('')}`
      assert.equal(normalisePath(path), plainly(path))
    }),
    { seed: 15, numRuns: 20_000 },
  )
})

test('a long path is normalised like a short one', () => {
  assert.equal(normalisePath('/a/..'.repeat(10_000)), '/')
  assert.equal(normalisePath(`${'/a'.repeat(10_000)}${'/%2e%2e'.repeat(9_999)}`), '/a/')
  assert.equal(normalisePath(`${'/a'.repeat(10_000)}${'/..'.repeat(10_001)}`), undefined)
})

test('a segment that is `..` to servers that take a parameter away first has no normal form', () => {
  for (const path of ['/a/..;/b', '/a/..;x=1', '/a/.;/b', '/a/%2e%2e%3b/b', '/..;'])
    assert.equal(normalisePath(path), undefined, path)
  for (const path of ['/a;/b', '/...;/b', '/a..;x', '/;..', '/a;x=..']) assert.equal(normalisePath(path), path)
})
