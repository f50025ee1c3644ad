/** fast-check with the seed of the tests. Lint makes sure that property tests import it from here. */
import fc from 'fast-check'
import { seed } from './seed.ts'

fc.configureGlobal({ seed })

export default fc
