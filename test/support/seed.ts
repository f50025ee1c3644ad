/**
 * The seed of everything random in the tests, so that `npm test` is repeatable. `npm run test:properties` sets a different
 * seed in each round, and prints it.
 */
export const seed = Number(process.env.LIMPET_TEST_SEED || 20_261_126)
if (!Number.isInteger(seed))
  throw new Error(`LIMPET_TEST_SEED must be a whole number, not ${process.env.LIMPET_TEST_SEED}`)
