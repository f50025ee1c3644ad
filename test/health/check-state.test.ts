import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CheckState } from '../../src/health/check-state.ts'
import fc from '../support/property.ts'

const settings = fc.record({
  rise: fc.integer({ min: 1, max: 6 }),
  fall: fc.integer({ min: 1, max: 6 }),
  initial: fc.constantFrom('up', 'down', 'unknown'),
})
const checks = fc.array(fc.boolean(), { maxLength: 60 })

describe('the state of a server by its checks', () => {
  test('changes only by `rise` passes or `fall` failures in a row, except that the first check decides', () => {
    fc.assert(
      fc.property(settings, checks, (settings, checks) => {
        const state = new CheckState(settings)
        assert.equal(state.isUp, settings.initial === 'up')
        let isUp = state.isUp
        let inRow = 0
        checks.forEach((passed, index) => {
          inRow = index > 0 && checks[index - 1] === passed ? inRow + 1 : 1
          const changed = passed ? state.passed() : state.failed()
          const before = isUp
          if (index === 0 || inRow >= (passed ? settings.rise : settings.fall)) isUp = passed
          assert.equal(state.isUp, isUp)
          assert.equal(changed, before !== isUp)
        })
      }),
    )
  })

  test('is forgotten within rise + fall checks, whatever came before', () => {
    fc.assert(
      fc.property(settings, checks, fc.boolean(), (settings, checks, passes) => {
        const state = new CheckState(settings)
        for (const passed of checks) passed ? state.passed() : state.failed()
        for (let i = 0; i < settings.rise + settings.fall; i++) passes ? state.passed() : state.failed()
        assert.equal(state.isUp, passes)
      }),
    )
  })
})
