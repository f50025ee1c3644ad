/** fast-check with the tests' seed. Property tests take it from here, and lint sees to it. */
import fc from 'fast-check'
import { seed } from './seed.ts'

fc.configureGlobal({ seed })

export default fc
