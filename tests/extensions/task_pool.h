/* A pool of threads (here: of one) that runs what it is given.  Knows nothing of Python. */
#ifndef TASK_POOL_H
#define TASK_POOL_H

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

class task_pool {
  public:
    /** Returns when the function has been called, on a thread of the pool. */
    void run(std::function<void()> function) {
        task task = {std::move(function), false};
        std::unique_lock<std::mutex> lock(mutex_);
        if (!thread_.joinable()) {
            thread_ = std::thread(&task_pool::work, this);
        }
        tasks_.push_back(&task);
        changed_.notify_all();
        changed_.wait(lock, [&task] { return task.is_done; });
    }

    /** Ends the thread and waits for it. */
    void stop() {
        {
            std::lock_guard<std::mutex> lock(mutex_);
            is_stopping_ = true;
            changed_.notify_all();
        }
        if (thread_.joinable()) {
            thread_.join();
        }
    }

  private:
    struct task {
        std::function<void()> function;
        bool is_done;
    };

    void work() {
        std::unique_lock<std::mutex> lock(mutex_);
        for (;;) {
            changed_.wait(lock, [this] { return is_stopping_ || !tasks_.empty(); });
            if (tasks_.empty()) {
                return;
            }
            task *task = tasks_.front();
            tasks_.pop_front();
            lock.unlock();
            task->function();
            lock.lock();
            task->is_done = true;
            changed_.notify_all();
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<task *> tasks_;
    std::thread thread_;
    bool is_stopping_ = false;
};

#endif
