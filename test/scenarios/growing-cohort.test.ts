/** A split whose share grows by reloads; test/long/growing-cohort.long.ts has 10,000 users. */
import { test } from 'node:test'
import { growCohort } from './growing-cohort.ts'

test('400 users are divided at each step, and nobody goes back', (t) => growCohort(t, { users: 400, off: 16 }))
