import io.pyroscope.javaagent.ProfilerSdk;
import io.pyroscope.labels.v2.LabelsSet;
import io.pyroscope.labels.v2.Pyroscope;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;

/** Works under the agent for so many seconds of CPU time: Shop SECONDS. */
public final class Shop {
  private static final List<byte[]> KEPT = new ArrayList<>();
  private static volatile int sink;

  private static long cpuMs() {
    return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() / 1_000_000;
  }

  static int findPrimes(long ms) {
    int primes = 0;
    long end = cpuMs() + ms;
    for (int i = 2; cpuMs() < end; i++) {
      boolean prime = true;
      for (int j = 2; j < 20000; j++) {
        if (i % j == 0 && i != j) {
          prime = false;
        }
      }
      if (prime) {
        primes++;
      }
    }
    return primes;
  }

  static void handleCheckout(long ms) {
    sink += findPrimes(ms);
  }

  static void handleSearch(long ms) {
    sink += findPrimes(ms);
  }

  static void allocateBuffers() {
    for (int i = 0; i < 64; i++) {
      KEPT.add(new byte[1 << 20]);
    }
  }

  static synchronized void holdLock() {
    try {
      Thread.sleep(20);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Six threads that each find the lock held; all but the first wait for as long as another sleeps. */
  private static void contend() throws InterruptedException {
    List<Thread> threads = new ArrayList<>();
    synchronized (Shop.class) {
      for (int i = 0; i < 6; i++) {
        Thread thread = new Thread(Shop::holdLock);
        thread.start();
        threads.add(thread);
      }
      for (Thread thread : threads) {
        while (thread.getState() != Thread.State.BLOCKED) {
          Thread.yield();
        }
      }
    }
    for (Thread thread : threads) {
      thread.join();
    }
  }

  public static void main(String[] arguments) throws InterruptedException, IOException {
    long halfMs = Long.parseLong(arguments[0]) * 500;
    allocateBuffers();
    contend();
    ProfilerSdk sdk = new ProfilerSdk();
    sdk.setTracingContext(0x00f067aa0ba902b7L, sdk.registerConstant("POST /checkout"));
    Pyroscope.LabelsWrapper.run(new LabelsSet("controller", "checkout"),
        () -> handleCheckout(halfMs));
    sdk.setTracingContext(0, 0);
    Pyroscope.LabelsWrapper.run(new LabelsSet("controller", "search"),
        () -> handleSearch(halfMs));
    System.in.read(); // its end says that what was sent has arrived
    if (KEPT.size() != 64) {
      System.exit(1);
    }
  }
}
