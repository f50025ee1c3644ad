/**
 * Runs the tests that use a seed, with a different seed in each round: `npm run test:properties -- [--rounds N] [FILE…]`.
 * Stops at the first failure, and prints the command that repeats it.
 */
import { spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({ options: { rounds: { type: 'string' } }, allowPositionals: true })
const rounds = Number(values.rounds ?? 20)
if (!(rounds > 0)) throw new Error('usage: test-properties [--rounds N] [FILE…]')

const files = positionals.length > 0 ? positionals : globSync('test/**/*.test.ts').filter(isSeeded)
console.log(`${rounds} rounds of ${files.length} files`)
for (let round = 1; round <= rounds; round++) {
  const seed = String(randomInt(2 ** 31))
  const options = ['--test', '--test-concurrency=2', '--test-timeout=240000', ...files]
  const env = { ...process.env, LIMPET_TEST_SEED: seed }
  const { status, stdout } = spawnSync(process.execPath, options, { env, encoding: 'utf8', maxBuffer: 2 ** 28 })
  if (status !== 0) {
    console.log(`${stdout}\nRound ${round} failed. To repeat it: LIMPET_TEST_SEED=${seed} node ${options.join(' ')}`)
    process.exit(1)
  }
  console.log(`round ${round}: seed ${seed}`)
}

function isSeeded(file: string): boolean {
  return /support\/(property|seeded-random)\.ts'/.test(readFileSync(file, 'utf8'))
}
