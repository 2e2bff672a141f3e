//! The columns of a dump.

/// What has to be there, one of each.
const NEEDED: [&[&str]; 8] = [
    &["JobIDRaw", "JobID"],
    &["Submit"],
    &["Start"],
    &["End"],
    &["State"],
    &["User"],
    &["MaxRSS", "TRESUsageInMax"],
    &["JobName"],
];

/// Where each column stands; `None` where the dump lacks it.
pub struct Columns {
    pub id: usize,
    pub label: Option<usize>,
    pub submit: usize,
    pub start: usize,
    pub end: usize,
    pub state: usize,
    pub elapsed: Option<usize>,
    pub elapsed_clock: Option<usize>,
    pub uid: Option<usize>,
    pub user: usize,
    pub account: Option<usize>,
    pub partition: Option<usize>,
    pub nodes: Option<usize>,
    pub cpus: Option<usize>,
    pub tasks: Option<usize>,
    pub memory: Option<usize>,
    pub tres: Option<usize>,
    pub given: Option<usize>,
    pub node_list: Option<usize>,
    pub rss: Option<usize>,
    pub most: Option<usize>,
    pub cpu_time: Option<usize>,
    pub total: Option<usize>,
    pub comment: Option<usize>,
    pub user_comment: Option<usize>,
    pub name: usize,
}

impl Columns {
    /// The error names the columns that are missing.
    pub fn of(header: &[&[u8]]) -> Result<Columns, Vec<&'static str>> {
        let find = |name: &str| {
            header
                .iter()
                .position(|field| field.eq_ignore_ascii_case(name.as_bytes()))
        };
        let missing: Vec<&'static str> = NEEDED
            .into_iter()
            .filter(|names| !names.iter().any(|name| find(name).is_some()))
            .map(|names| names[0])
            .collect();
        if !missing.is_empty() {
            return Err(missing);
        }
        let need = |name: &str| find(name).unwrap_or_default();
        Ok(Columns {
            id: find("JobIDRaw").unwrap_or_else(|| need("JobID")),
            submit: need("Submit"),
            start: need("Start"),
            end: need("End"),
            state: need("State"),
            user: need("User"),
            rss: find("MaxRSS"),
            most: find("TRESUsageInMax"),
            name: need("JobName"),
            label: find("JobID"),
            elapsed: find("ElapsedRaw"),
            elapsed_clock: find("Elapsed"),
            uid: find("UID"),
            account: find("Account"),
            partition: find("Partition"),
            nodes: find("NNodes").or(find("AllocNodes")),
            node_list: find("NodeList"),
            cpus: find("AllocCPUS").or(find("NCPUS")),
            tasks: find("NTasks"),
            memory: find("ReqMem"),
            tres: find("ReqTRES").or(find("AllocTRES")),
            given: find("AllocTRES"),
            cpu_time: find("TotalCPU"),
            total: find("TRESUsageInTot"),
            comment: find("AdminComment"),
            user_comment: find("Comment"),
        })
    }

    /// What every dump has to name.
    pub fn needed() -> Vec<&'static str> {
        NEEDED.into_iter().map(|names| names[0]).collect()
    }

    /// Those whose text tells kinds of jobs apart.
    pub fn names(&self) -> impl Iterator<Item = usize> {
        [Some(self.name), Some(self.user), self.user_comment]
            .into_iter()
            .flatten()
    }

    /// What counts for all jobs as it need not be, for want of a column.
    pub fn lacks(&self) -> impl Iterator<Item = &'static str> {
        let of_nodes = [self.nodes, self.given, self.tres, self.node_list];
        let no_nodes = of_nodes.iter().all(Option::is_none);
        let no_tasks = self.tasks.is_none() && self.total.is_none();
        let no_cpus = self.cpu_time.is_none() || (self.cpus.is_none() && self.given.is_none());
        [
            no_nodes.then_some(
                "no NNodes in it: every job counts as one on one node; memory of larger ones is wrong",
            ),
            no_tasks.then_some(
                "no NTasks in it: MaxRSS, which is one task's, counts for all of a step; jobs of several tasks need more",
            ),
            no_cpus.then_some("no TotalCPU and AllocCPUS in it: of CPUs nothing is known"),
            (!self.has_requests())
                .then_some("no ReqMem in it: of what jobs asked for nothing is known"),
        ]
        .into_iter()
        .flatten()
    }

    /// One of them says what a job asked for.
    pub fn has_requests(&self) -> bool {
        self.memory.is_some() || self.tres.is_some()
    }
}
