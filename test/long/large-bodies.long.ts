import { describeLargeBodies } from '../scenarios/large-bodies.ts'

describeLargeBodies(1024)
