import { deepEqual, match, ok } from 'node:assert/strict'
import { describe, test } from 'node:test'
import { allCases } from './fixture.ts'
import { play, start } from './played-case.ts'

const cases = allCases()

describe('the fixtures of HTTP/2', () => {
  test('are many, and their names are unique', () => {
    ok(cases.length >= 200, `there are only ${cases.length}`)
    deepEqual(
      cases.map(({ name }) => name).filter((name, index, names) => names.indexOf(name) < index),
      [],
    )
  })

  test('each name a section of an RFC', () => {
    for (const { name, prose } of cases) match(prose, /RFC \d{4} §\d/, name)
  })
})

test('Limpet behaves as every fixture of HTTP/2 says', async (t) => {
  const { place, origin } = await start(t, { h2c: true })
  for (const fixture of cases) {
    await t.test(fixture.name, { timeout: 120_000 }, (t) => play(t, fixture, place, origin))
  }
})
