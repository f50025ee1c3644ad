/** A split, seen by 10,000 users on real sockets. */
import { test } from 'node:test'
import { growCohort } from '../scenarios/growing-cohort.ts'

// One point of the 2,500 new users of each step, and a quarter of a point of all.
test('10,000 users are divided within a quarter of a point at each step, and nobody goes back', (t) =>
  growCohort(t, { users: 10_000, off: 25 }))
