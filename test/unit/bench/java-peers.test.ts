import { afterEach, expect, test, vi } from 'vitest'
import { javaPeer } from '../../bench/java-peers.ts'

afterEach(() => void vi.unstubAllEnvs())

test('where Java is missing, a benchmark with peers ends with the line that would install it', async () => {
  vi.stubEnv('PATH', '/nowhere')
  await expect(javaPeer('flink', 'FlinkJoin')).rejects.toThrow(/javac is not here: .*apt-get install openjdk-17-jdk/)
})
