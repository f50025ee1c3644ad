/**
 * The seed of all that is random in the tests: `npm test` does the same each time. `npm run test:properties` gives another
 * in each round, and prints it.
 */
export const seed = Number(process.env.LIMPET_TEST_SEED || 20_261_126)
if (!Number.isInteger(seed))
  throw new Error(`LIMPET_TEST_SEED must be a whole number, not ${process.env.LIMPET_TEST_SEED}`)
